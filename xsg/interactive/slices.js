// Three linked planes through a volume. A click in one plane moves the other two; sliders and arrow keys do the same.

const CELL = 6; // pixels of the canvas for one voxel, so that the crosshair is thinner than a voxel

function slices(live, spec, { codes }) {
  const [ap, si, lr] = spec.shape;
  const strides = [si * lr, lr, 1];
  // Which axis stands still, which runs across, which runs down.
  const planes = [
    { name: "Coronal", still: 0, across: 2, down: 1, way: "" },
    { name: "Sagittal", still: 2, across: 0, down: 1, way: ", front to the left" },
    { name: "Horizontal", still: 1, across: 0, down: 2, way: ", front to the left" },
  ];
  const at = [...spec.at];
  let map = 0;

  /** Say the value at the cross; codes run from 1 (low, or less) to 255 (high, or more), and 0 is none. */
  function valueHere() {
    const code = codes[map * ap * si * lr + at.reduce((sum, i, k) => sum + i * strides[k], 0)];
    const { low, high } = spec.maps[map];
    const bound = code === 1 ? "≤ " : code === 255 ? "≥ " : "";
    return code ? bound + reads(low + ((code - 1) / 254) * (high - low), spec.maps[map]) : "no value";
  }

  for (const plane of planes) {
    const [width, height] = [spec.shape[plane.across], spec.shape[plane.down]];
    plane.small = el("canvas", { width, height });
    plane.canvas = el("canvas", {
      class: "flat", width: width * CELL, height: height * CELL, tabindex: 0, role: "application",
      "aria-roledescription": "slice", "aria-label": `${plane.name} slice. Arrow keys move the cross in it.`,
    });
    plane.canvas.style.aspectRatio = `${width} / ${height}`;
    plane.caption = el("figcaption");
    plane.node = el("figure", { style: `flex: ${width} 1 ${Math.round(width / 5)}rem; max-width: ${width * 5.5}px` }, plane.canvas, plane.caption);
    const move = (event) => {
      const box = plane.canvas.getBoundingClientRect();
      go(plane.across, Math.floor(((event.clientX - box.left) / box.width) * width));
      go(plane.down, Math.floor(((event.clientY - box.top) / box.height) * height));
    };
    plane.canvas.addEventListener("pointerdown", (event) => (plane.canvas.setPointerCapture(event.pointerId), move(event)));
    plane.canvas.addEventListener("pointermove", (event) => event.buttons && move(event));
    const keys = { ArrowLeft: [plane.across, -1], ArrowRight: [plane.across, 1], ArrowUp: [plane.down, -1], ArrowDown: [plane.down, 1] };
    plane.canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const [axis, step] = keys[event.key];
      go(axis, at[axis] + step);
    });
  }

  function paint(plane) {
    const { small, canvas, across, down, still } = plane;
    const palette = spec.palettes[spec.maps[map].colours];
    const image = new ImageData(small.width, small.height);
    const base = map * ap * si * lr + at[still] * strides[still];
    for (let row = 0; row < small.height; row++)
      for (let column = 0; column < small.width; column++) {
        const code = codes[base + row * strides[down] + column * strides[across]];
        if (code) image.data.set([...colourAt(palette, (code - 1) / 254), 255], 4 * (row * small.width + column));
      }
    small.getContext("2d").putImageData(image, 0, 0);
    const ink = canvas.getContext("2d");
    ink.clearRect(0, 0, canvas.width, canvas.height);
    ink.imageSmoothingEnabled = false;
    ink.drawImage(small, 0, 0, canvas.width, canvas.height);
    const [x, y] = [(at[across] + 0.5) * CELL, (at[down] + 0.5) * CELL];
    for (const [colour, width] of [["#000", 3], ["#fff", 1.5]]) { // white on black: seen on any colour
      ink.strokeStyle = colour;
      ink.lineWidth = width;
      ink.beginPath();
      for (const [x0, y0, x1, y1] of [[0, y, x - CELL, y], [x + CELL, y, canvas.width, y], [x, 0, x, y - CELL], [x, y + CELL, x, canvas.height]])
        ink.moveTo(x0, y0), ink.lineTo(x1, y1);
      ink.stroke();
    }
    plane.caption.textContent = `${plane.name}, ${spec.axes[still]} ${at[still]}${plane.way}`;
  }

  const bar = colourBar(spec.palettes);
  const reading = el("output", { class: "reading", "aria-live": "polite" });
  const millimetres = (i) => (i * spec.millimetres).toFixed(1);
  const sliders = spec.axes.map((axis, k) => slider(axis, spec.shape[k], at[k], (i) => `${i} (${millimetres(i)} mm)`, (i) => go(k, i)));

  const draw = onceAFrame(() => {
    planes.forEach(paint);
    const where = spec.axes.map((axis, k) => `${axis} ${at[k]}`).join(", ");
    reading.textContent = `${where}: ${valueHere()}`;
  });
  function go(axis, place) {
    at[axis] = Math.min(Math.max(place, 0), spec.shape[axis] - 1);
    sliders[axis].show(at[axis]);
    draw();
  }
  const maps = choice("Map", spec.maps.map(({ name }) => name), (which) => {
    map = which;
    bar.show(spec.maps[map]);
    draw();
  });

  live.append(
    el("div", { class: "planes" }, ...planes.map(({ node }) => node)),
    el("div", { class: "panel" }, ...(spec.maps.length > 1 ? [maps.label] : []), bar.node, reading),
    el("div", { class: "panel", style: "--name: 1.8rem" }, ...sliders.map(({ label }) => label),
      el("p", { class: "help" }, "Click or drag in a slice, or move a slider: the cross is one voxel, and the other slices follow. " +
        "AP counts from the front, SI from the top, LR from one side. Empty: no value.")),
  );
  bar.show(spec.maps[0]);
  return draw;
}
