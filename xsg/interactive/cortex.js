// A cortical surface to turn, drawn by WebGL. The mesh itself, and which region is under the pointer: surface.js.

const VERTEX = `
attribute vec3 place, normal, colour;
uniform mat3 turn;      // from the brain (right, anterior, superior) to the screen (right, up, towards us)
uniform vec3 centre;
uniform vec2 scale;
varying vec3 seen;
void main() {
  gl_Position = vec4((turn * (place - centre)) * vec3(scale, -0.003), 1.0);
  seen = colour * (0.7 + 0.3 * max(0.0, dot(turn * normal, vec3(-0.18, 0.27, 0.945))));  // a lamp beside the camera
}`;
const FRAGMENT = "precision mediump float; varying vec3 seen; void main() { gl_FragColor = vec4(seen, 1.0); }";
const HALF = 112; // mm from the middle to the upper edge at zoom 1: the longest side of the brain fits, whatever the turn
// Azimuth (0: seen from the right, 90: from the front) and elevation of the camera in degrees, hemispheres shown.
const VIEWS = {
  "Both": [215, 20, [0, 1]],
  "Left outer": [180, 0, [0]],
  "Left inner": [0, 0, [0]],
  "Right outer": [0, 0, [1]],
  "Right inner": [180, 0, [1]],
  "Top": [-90, 90, [0, 1]],
  "Bottom": [90, -90, [0, 1]],
  "Front": [90, 0, [0, 1]],
};

function cortex(live, spec, { points, faces, labels, sulci }, giveUp) {
  const canvas = el("canvas", {
    tabindex: 0, role: "application", "aria-roledescription": "surface to turn",
    "aria-label": "Cortical surface. Arrow keys turn it, plus and minus zoom, Home goes back to the start.",
  });
  const gl = canvas.getContext("webgl", { antialias: true });
  if (!gl) throw Error("there is no WebGL");

  const { n, m, sides, centres, pick } = surface(spec.mesh, { points, faces, labels, sulci });

  // ---- WebGL
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw Error("WebGL does not take the shaders");
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  const uniform = Object.fromEntries(["turn", "centre", "scale"].map((name) => [name, gl.getUniformLocation(program, name)]));
  const attribute = Object.fromEntries(["place", "normal", "colour"].map((name) => [name, gl.getAttribLocation(program, name)]));
  const buffer = (kind, data) => {
    const made = gl.createBuffer();
    gl.bindBuffer(kind, made);
    if (data) gl.bufferData(kind, data, gl.STATIC_DRAW);
    return made;
  };
  for (const side of sides)
    side.buffers = { place: buffer(gl.ARRAY_BUFFER, side.place), normal: buffer(gl.ARRAY_BUFFER, side.normal), colour: buffer(gl.ARRAY_BUFFER) };
  buffer(gl.ELEMENT_ARRAY_BUFFER, Uint16Array.from({ length: 3 * m }, (_, k) => faces[(k % 3) * m + Math.floor(k / 3)]));
  for (const name in attribute) gl.enableVertexAttribArray(attribute[name]);
  canvas.addEventListener("webglcontextlost", giveUp);

  // ---- state
  let azimuth, elevation, shown, zoom, map = 0, chosen = 0, outlined = 0; // regions count from 1; 0 is none
  const turned = () => {
    const a = (azimuth * Math.PI) / 180, e = (elevation * Math.PI) / 180;
    const towards = [Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)];
    const right = [-Math.sin(a), Math.cos(a), 0];
    const up = [-Math.sin(e) * Math.cos(a), -Math.sin(e) * Math.sin(a), Math.cos(e)];
    return [right, up, towards];
  };
  const scale = () => [(zoom / HALF) * (canvas.clientHeight / canvas.clientWidth), zoom / HALF];

  function paint() {
    const { values, low, high, colours } = spec.maps[map];
    const table = values.map((v) => (v === null ? null : colourAt(spec.palettes[colours], (v - low) / (high - low))));
    const own = table[outlined - 1] ?? [160, 160, 160];
    const ink = own[0] + 2 * own[1] + own[2] / 2 > 420 ? 0 : 255; // an outline that stands out from its region
    for (const side of sides) {
      const colour = new Uint8Array(4 * n);
      for (let i = 0; i < n; i++) {
        const region = side.label[i];
        const grey = side.sulci[i] ? 130 : 175; // no value: the folding beneath
        const one = region && region === outlined && side.rim[i] ? [ink, ink, ink] : (table[region - 1] ?? [grey, grey, grey]);
        colour.set(one, 4 * i);
      }
      gl.bindBuffer(gl.ARRAY_BUFFER, side.buffers.colour);
      gl.bufferData(gl.ARRAY_BUFFER, colour, gl.DYNAMIC_DRAW);
    }
    draw();
  }

  const draw = onceAFrame(() => {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (!width) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const [r, u, t] = turned();
    gl.uniformMatrix3fv(uniform.turn, false, [r[0], u[0], t[0], r[1], u[1], t[1], r[2], u[2], t[2]]);
    gl.uniform2fv(uniform.scale, scale());
    for (const [s, centre] of centres(shown)) {
      gl.uniform3fv(uniform.centre, centre);
      for (const [name, kind, size, whole, stride] of [["place", gl.FLOAT, 3, false, 0], ["normal", gl.FLOAT, 3, false, 0], ["colour", gl.UNSIGNED_BYTE, 3, true, 4]]) {
        gl.bindBuffer(gl.ARRAY_BUFFER, sides[s].buffers[name]);
        gl.vertexAttribPointer(attribute[name], size, kind, whole, stride, 0);
      }
      gl.drawElements(gl.TRIANGLES, 3 * m, gl.UNSIGNED_SHORT, 0);
    }
  });

  /** The region under a point of the window, 0 where there is none. */
  function under(event) {
    const box = canvas.getBoundingClientRect(), [across, up] = scale();
    const x = ((event.clientX - box.left) / box.width) * 2 - 1, y = 1 - ((event.clientY - box.top) / box.height) * 2;
    return pick(turned(), centres(shown), x / across, y / up);
  }

  // ---- controls
  const bar = colourBar(spec.palettes);
  const reading = el("output", { class: "reading", "aria-live": "polite" });
  function tell(region) {
    const value = region ? spec.maps[map].values[region - 1] : null;
    const said = value === null ? "no value" : reads(value, spec.maps[map]);
    reading.textContent = region ? `${spec.regions[region - 1]}: ${said}` : "Point at a region, or choose one above.";
    if (outlined !== region) (outlined = region), paint();
  }
  function look([a, e, hemispheres]) {
    [azimuth, elevation, shown] = [a, e, hemispheres];
    draw();
  }
  const nearer = (factor) => ((zoom = Math.min(Math.max(zoom * factor, 0.7), 6)), draw());
  function turn(right, up) {
    azimuth -= right;
    elevation = Math.min(Math.max(elevation + up, -90), 90);
    draw();
  }
  const reset = () => ((zoom = 1), look(VIEWS.Both));

  /** Turn to a region of the list: its hemisphere alone, so that nothing hides it. */
  function face(region) {
    chosen = region;
    if (region) {
      const s = sides.findIndex((side) => side.label.includes(region));
      const sum = [0, 0, 0];
      sides[s].label.forEach((each, i) => each === region && sum.forEach((_, k) => (sum[k] += sides[s].normal[3 * i + k])));
      look([(Math.atan2(sum[1], sum[0]) * 180) / Math.PI, (Math.atan2(sum[2], Math.hypot(sum[0], sum[1])) * 180) / Math.PI, [s]]);
    }
    tell(region);
  }
  const maps = choice("Map", spec.maps.map(({ name }) => name), (which) => {
    map = which;
    bar.show(spec.maps[map]);
    tell(chosen);
    paint();
  });
  const regions = choice("Region", ["none", ...spec.regions], face);
  const buttons = Object.entries(VIEWS).map(([name, view]) => el("button", { type: "button", click: () => look(view) }, name));
  const zooms = [["+", "Zoom in", () => nearer(1.25)], ["−", "Zoom out", () => nearer(0.8)], ["Reset", "Reset view", reset]].map(
    ([text, name, click]) => el("button", { type: "button", "aria-label": name, click }, text));

  const fingers = new Map();
  let travelled = 0;
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
    travelled = 0;
  });
  let hovered = null;
  const hover = onceAFrame(() => hovered && tell(under(hovered) || chosen));
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return (hovered = event), hover();
    const right = event.clientX - before.clientX, down = event.clientY - before.clientY;
    travelled += Math.abs(right) + Math.abs(down);
    if (fingers.size === 1) turn(right * 0.5, down * 0.5);
    else {
      const [other] = [...fingers.values()].filter(({ pointerId }) => pointerId !== event.pointerId);
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
      nearer(apart(event) / apart(before));
    }
    fingers.set(event.pointerId, event);
  });
  const lift = (event) => fingers.delete(event.pointerId);
  canvas.addEventListener("pointerup", (event) => {
    if (travelled < 4 && fingers.size === 1) {
      chosen = under(event); // a click or tap keeps the region
      regions.list.selectedIndex = chosen;
      tell(chosen);
    }
    lift(event);
  });
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => ((hovered = null), tell(chosen)));
  // The wheel scrolls the page, unless the surface was clicked before or Ctrl is held (as a pinch on a touchpad does).
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && canvas.getRootNode().activeElement !== canvas) return;
    event.preventDefault();
    nearer(Math.exp(-event.deltaY / 500));
  }, { passive: false });
  const keys = {
    ArrowLeft: () => turn(-15, 0), ArrowRight: () => turn(15, 0), ArrowUp: () => turn(0, -15), ArrowDown: () => turn(0, 15),
    "+": () => nearer(1.25), "=": () => nearer(1.25), "-": () => nearer(0.8), Home: reset,
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  canvas.style.aspectRatio = "5 / 4";
  live.append(
    el("div", { class: "stage" }, canvas),
    el("div", { class: "panel" },
      ...(spec.maps.length > 1 ? [maps.label] : []), bar.node, regions.label, reading,
      el("div", { class: "row", role: "group", "aria-label": "Views" }, ...buttons),
      el("div", { class: "row", role: "group", "aria-label": "Zoom" }, ...zooms),
      el("p", { class: "help" }, "Drag to turn. Click the surface, then arrow keys turn it, + and − or the wheel zoom. Grey: no value.")),
  );
  new ResizeObserver(draw).observe(canvas);
  bar.show(spec.maps[0]);
  reset();
  tell(0);
  return paint;
}
