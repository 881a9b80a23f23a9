// What the interactive figures share: unpacking, plain controls, the colour bar, and the way from still to live.

/** Make an element; a function among the attributes is a listener. Text is always set as text, never as HTML. */
function el(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "circle", "text", "g"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    typeof value === "function" ? node.addEventListener(name, value) : node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Undo _pack of __init__.py: typed arrays by name, flat, in the order that numpy keeps them. */
async function unpack({ bytes, arrays }) {
  const packed = Uint8Array.from(atob(bytes.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const plain = new DataView(await new Response(stream).arrayBuffer());
  const found = {};
  for (const [name, { type, start, shape }] of Object.entries(arrays)) {
    const out = new (type === 2 ? Uint16Array : Uint8Array)(shape.reduce((a, b) => a * b, 1));
    let sum = 0; // differences were stored; the typed array takes the remainder
    for (let i = 0; i < out.length; i++)
      out[i] = sum += type === 2 ? plain.getUint16(start + 2 * i, true) : plain.getUint8(start + i);
    found[name] = out;
  }
  return found;
}

/** Show a number as a reader would write it. */
const written = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

/** Show a value of a map, to the decimals that its steps of a 254th of the colour bar can tell. */
function reads(value, { low, high, label }) {
  const decimals = Math.min(Math.max(Math.ceil(-Math.log10((high - low) / 254)), 0), 12);
  return `${value.toFixed(decimals).replace("-", "−")} · ${label}`;
}

/** The colour of a share of the way along a palette, [red, green, blue] from 0 to 255. */
function colourAt(palette, share) {
  const place = Math.min(Math.max(share, 0), 1) * (palette.length - 1);
  const below = Math.min(Math.floor(place), palette.length - 2);
  return palette[below].map((value, i) => value + (palette[below + 1][i] - value) * (place - below));
}

/** A labelled drop-down list. */
function choice(name, options, chosen) {
  const list = el("select", { change: () => chosen(list.selectedIndex) }, ...options.map((each) => el("option", {}, each)));
  return { list, label: el("label", {}, el("span", {}, name), list) };
}

/** A labelled slider over the whole numbers below count; say(i) is what it stands at, in words. */
function slider(name, count, at, say, moved) {
  const input = el("input", { type: "range", min: 0, max: count - 1, step: 1, value: at, input: () => set(input.value) });
  const said = el("output", { "aria-live": "off" }); // the slider itself says it
  const show = (value) => {
    input.value = value;
    said.textContent = say(Number(value));
    input.setAttribute("aria-valuetext", said.textContent);
  };
  const set = (value) => (show(value), moved(Number(value)));
  show(at);
  return { show, input, label: el("label", {}, el("span", {}, name), input, said) };
}

/** A colour bar; show(map) sets it to one of the figure's maps. */
function colourBar(palettes) {
  const bar = el("div", { class: "bar", role: "img" });
  const ends = el("div", { class: "ends" });
  const label = el("div", { class: "unit" });
  const show = (map) => {
    const stops = palettes[map.colours].map((colour) => `rgb(${colour.join(" ")})`);
    bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    bar.setAttribute("aria-label", `Colour bar from ${written(map.low)} to ${written(map.high)}, ${map.label}`);
    const marks = [map.low, (map.low + map.high) / 2, map.high];
    ends.replaceChildren(...marks.map((value) => el("span", {}, written(value))));
    label.textContent = map.label;
  };
  return { show, node: el("div", {}, bar, ends, label) };
}

/** Draw once before the next frame, however often it is asked for. */
function onceAFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => ((asked = false), draw()));
  };
}

/** Controls follow the page, light or dark: what colour its text has tells which, in the book and in Jupyter alike. */
function followScheme(host) {
  const look = () => {
    const [red, green, blue] = (getComputedStyle(host).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    host.style.colorScheme = red + green + blue > 384 ? "dark" : "light";
  };
  const watch = new MutationObserver(look);
  for (const node of [document.documentElement, document.body]) watch.observe(node, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
  requestAnimationFrame(look);
  look();
}

/** Put the live figure in the place of each still with this mark; where that fails, the still stays. */
async function start(mark, build, style, spec) {
  for (const host of document.querySelectorAll(`[data-xsg-view="${mark}"]:not([data-live])`)) {
    host.dataset.live = "";
    try {
      const live = el("div", { class: "live", role: "group", "aria-label": spec.alt });
      const draw = build(live, spec, await unpack(spec.data), () => host.classList.add("still"));
      // Keys meant for the figure are no shortcuts of the page around it.
      live.addEventListener("keydown", (event) => event.ctrlKey || event.metaKey || event.stopPropagation());
      host.attachShadow({ mode: "open" }).append(el("style", {}, style), live, el("slot"));
      followScheme(host);
      draw();
    } catch (reason) {
      console.info(`The still of an interactive figure stays: ${reason.message}`);
    }
  }
}
