// The mesh of both hemispheres: unpacked, with what drawing and pointing need to know of it.

/**
 * points: (2 sides, 3 axes, n vertices) in steps of mm; faces: (3, m), the same in both hemispheres; labels: (2, n),
 * regions from 1, 0 for none; sulci: (2, n), 1 in a furrow.
 */
function surface({ low, step }, { points, faces, labels, sulci }) {
  const n = points.length / 6, m = faces.length / 3;

  const sides = [0, 1].map((side) => {
    const at = (axis, i) => low + step * points[(3 * side + axis) * n + i];
    const place = Float32Array.from({ length: 3 * n }, (_, k) => at(k % 3, Math.floor(k / 3)));
    const label = labels.subarray(side * n, (side + 1) * n);
    const normal = new Float32Array(3 * n), rim = new Uint8Array(n); // rim: a neighbour belongs to another region
    for (let f = 0; f < m; f++) {
      const corners = [faces[f], faces[m + f], faces[2 * m + f]];
      const [a, b, c] = corners.map((i) => place.subarray(3 * i, 3 * i + 3));
      for (let k = 0; k < 3; k++) {
        const u = (k + 1) % 3, v = (k + 2) % 3; // cross product of two sides; its length weighs by area
        const part = (b[u] - a[u]) * (c[v] - a[v]) - (b[v] - a[v]) * (c[u] - a[u]);
        for (const i of corners) normal[3 * i + k] += part;
      }
      const [p, q, r] = corners.map((i) => label[i]);
      if (p !== q || q !== r) for (const i of corners) rim[i] = 1;
    }
    const least = [Infinity, Infinity, Infinity], most = [-Infinity, -Infinity, -Infinity];
    for (let i = 0; i < 3 * n; i += 3) {
      const length = Math.hypot(normal[i], normal[i + 1], normal[i + 2]) || 1;
      for (let k = 0; k < 3; k++) {
        normal[i + k] /= length;
        least[k] = Math.min(least[k], place[i + k]);
        most[k] = Math.max(most[k], place[i + k]);
      }
    }
    const middle = least.map((v, k) => (v + most[k]) / 2);
    return { place, normal, label, rim, sulci: sulci.subarray(side * n, (side + 1) * n), least, most, middle };
  });

  /** What to put into the middle of the picture, by side: one hemisphere by itself, or both side by side, 4 mm apart. */
  function centres(shown) {
    if (shown.length === 1) return [[shown[0], sides[shown[0]].middle]];
    const inner = [sides[0].most[0] + 2, sides[1].least[0] - 2];
    return shown.map((side) => [side, [inner[side], sides[side].middle[1], sides[side].middle[2]]]);
  }

  /** The region at (x, y) mm from the middle of the picture: of the front-most triangle there, the nearest corner's. */
  function pick([right, up, towards], placed, x, y) {
    let nearest = -Infinity, found = 0;
    for (const [side, centre] of placed) {
      const { place, label } = sides[side];
      const along = (way) => Float32Array.from({ length: n }, (_, i) =>
        way.reduce((sum, share, k) => sum + share * (place[3 * i + k] - centre[k]), 0));
      const X = along(right), Y = along(up), Z = along(towards);
      for (let f = 0; f < m; f++) {
        const a = faces[f], b = faces[m + f], c = faces[2 * m + f];
        const whole = (X[b] - X[a]) * (Y[c] - Y[a]) - (X[c] - X[a]) * (Y[b] - Y[a]);
        const v = ((x - X[a]) * (Y[c] - Y[a]) - (X[c] - X[a]) * (y - Y[a])) / whole; // share of corner b
        const w = ((X[b] - X[a]) * (y - Y[a]) - (x - X[a]) * (Y[b] - Y[a])) / whole; // share of corner c
        if (!(v >= 0 && w >= 0 && v + w <= 1)) continue;
        const depth = Z[a] + v * (Z[b] - Z[a]) + w * (Z[c] - Z[a]);
        if (depth <= nearest) continue;
        nearest = depth;
        found = label[v >= w && v >= 1 - v - w ? b : w >= 1 - v - w ? c : a];
      }
    }
    return found;
  }

  return { n, m, sides, centres, pick };
}
