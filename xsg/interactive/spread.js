// Pathology on a disc for a grid of rates and times that were solved beforehand; the sliders stop at these only.

const BOX = { left: 46, right: 384, top: 12, bottom: 190 }; // of the curve, in units of its 400 × 230 drawing

function spread(live, spec, { codes, domain }) {
  const [height, width] = spec.shape;
  const places = [...domain.keys()].filter((i) => domain[i]);
  const T = spec.times.length;
  const at = { D: Math.floor(spec.D.length / 2), R: Math.floor(spec.R.length / 2), times: Math.floor(T / 2) };
  let map = 0;

  /** Where the codes of one pair of rates begin: places × times, time fastest. */
  const begin = (d, r) => ((map * spec.D.length + d) * spec.R.length + r) * places.length * T;
  /** The mean over all places at each time, from 0 to 1. */
  const burden = (d, r) => spec.times.map((_, t) => {
    let sum = 0;
    for (let k = 0, i = begin(d, r) + t; k < places.length; k++, i += T) sum += codes[i] - 1;
    return sum / places.length / 254;
  });

  const small = el("canvas", { width, height, class: "flat", role: "img" });
  small.style.cssText = `aspect-ratio: ${width} / ${height}; cursor: default; border: 0; background: none`;
  const draw = onceAFrame(() => {
    const palette = spec.palettes[spec.maps[map].colours];
    const image = new ImageData(width, height);
    const base = begin(at.D, at.R) + at.times;
    places.forEach((place, k) => image.data.set([...colourAt(palette, (codes[base + k * T] - 1) / 254), 255], 4 * place));
    small.getContext("2d").putImageData(image, 0, 0);
    curve();
  });

  // ---- mean against time: the rates chosen, and for comparison each of the other R at the same D
  const last = spec.times[T - 1] || 1;
  const x = (time) => BOX.left + ((BOX.right - BOX.left) * (time - spec.times[0])) / (last - spec.times[0] || 1);
  const y = (share) => BOX.bottom + (BOX.top - BOX.bottom) * share;
  const line = (shares) => "M" + shares.map((share, t) => `${x(spec.times[t]).toFixed(1)} ${y(share).toFixed(1)}`).join("L");
  const others = el("g"), own = el("path", { fill: "none", stroke: "currentColor", "stroke-width": 3 });
  const dot = el("circle", { r: 6, fill: "currentColor" });
  const ticks = [[0, 0], [0.5, 0], [1, 0]].flatMap(([share]) => [
    el("line", { x1: BOX.left, x2: BOX.right, y1: y(share), y2: y(share), stroke: "currentColor", opacity: 0.25 }),
    el("text", { x: BOX.left - 6, y: y(share) + 4, "text-anchor": "end" }, written(share)),
    el("text", { x: x(spec.times[0] + share * (last - spec.times[0])), y: BOX.bottom + 16, "text-anchor": "middle" },
      written(spec.times[0] + share * (last - spec.times[0]))),
  ]);
  const svg = el("svg", { viewBox: "0 0 400 230", role: "img" }, ...ticks,
    el("text", { x: (BOX.left + BOX.right) / 2, y: 222, "text-anchor": "middle" }, "time"),
    el("text", { transform: `translate(12 ${(BOX.top + BOX.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "mean over all places"),
    others, own, dot);
  const reading = el("output", { class: "reading", "aria-live": "polite" });
  function curve() {
    const shares = burden(at.D, at.R);
    own.setAttribute("d", line(shares));
    others.replaceChildren(...spec.R.map((_, r) => el("path", { d: line(burden(at.D, r)), fill: "none", stroke: "currentColor", opacity: 0.3 })));
    dot.setAttribute("cx", x(spec.times[at.times]));
    dot.setAttribute("cy", y(shares[at.times]));
    const rates = `D = ${written(spec.D[at.D])}, R = ${written(spec.R[at.R])}, t = ${written(spec.times[at.times])}`;
    reading.textContent = `${rates}: mean ${written(shares[at.times])}`;
    small.setAttribute("aria-label", `${spec.maps[map].label} at ${rates}`);
    svg.setAttribute("aria-label", `Mean over all places against time: ${written(shares[0])} at first, ${written(shares[T - 1])} at the end`);
  }

  const bar = colourBar(spec.palettes);
  const maps = choice("Field", spec.maps.map(({ name }) => name), (which) => {
    map = which;
    bar.show(spec.maps[map]);
    draw();
  });
  const sliders = [["D", "Diffusivity D"], ["R", "Reaction rate R"], ["times", "Time"]].map(([key, name]) =>
    slider(name, spec[key].length, at[key], (i) => written(spec[key][i]), (i) => ((at[key] = i), draw())).label);

  live.append(
    el("div", { class: "stage", style: "max-width: 20rem" }, small, bar.node),
    el("div", { class: "panel", style: "--name: 7.4rem" }, ...(spec.maps.length > 1 ? [maps.label] : []), ...sliders, reading, svg,
      el("p", { class: "help" }, "Thick: the rates chosen. Thin: each of the other R at the same D. Each stop of a slider was solved for; nothing is interpolated.")),
  );
  bar.show(spec.maps[0]);
  return draw;
}
