// The class activation maps at the last convolution, and how well a map covers an object.
//
// The network ends in global average pooling and one linear layer. There the gradient of the class
// logit S is w_k / n at each of the n places, and taking channel k away lowers S by w_k F_k, with F_k
// the channel's mean. So every method is a weighted sum of the same activations A_k: nothing has to
// run again, and only the weights differ.

// The weight of channel k. w: its weight for the class, mean: F_k, n: places, S: the class logit.
const CHANNEL_WEIGHTS = {
  cam: (w) => w,
  grad_cam: (w, mean, n) => w / n,
  grad_cam_pp: (w, mean, n) => {
    const gradient = w / n;
    const denominator = 2 + gradient * n * mean;
    return gradient <= 0 || denominator === 0 ? 0 : (n * gradient) / denominator;
  },
  ablation_cam: (w, mean, n, S) => (S === 0 ? 0 : (w * mean) / S),
  layer_cam: (w, mean, n) => Math.max(w / n, 0),
};

// The map of a class before scaling: sum_k weight_k A_k at each place, signed.
function rawMap(method, { activations: A, side, logits }, head, target) {
  const n = side * side;
  const means = channelMeans(A, head.inputs);
  const map = new Float64Array(n);
  for (let k = 0; k < head.inputs; k++) {
    const w = head.weights[target * head.inputs + k];
    const weight = CHANNEL_WEIGHTS[method](w, means[k], n, logits[target]);
    for (let p = 0; p < n; p++) map[p] += weight * A[k * n + p];
  }
  return map;
}

// Bilinear, pixel areas aligned (align_corners=False): (side, side) -> (size, size).
function upsample(map, side, size) {
  const at = Array.from({ length: size }, (_, i) => {
    const place = Math.max(((i + 0.5) * side) / size - 0.5, 0);
    const low = Math.min(Math.floor(place), side - 1);
    return { low, high: Math.min(low + 1, side - 1), share: place - low };
  });
  const out = new Float32Array(size * size);
  at.forEach((row, y) => {
    at.forEach((column, x) => {
      const above = mix(map, row.low * side, column);
      const below = mix(map, row.high * side, column);
      out[y * size + x] = above + row.share * (below - above);
    });
  });
  return out;
}

function mix(map, row, { low, high, share }) {
  return map[row + low] + share * (map[row + high] - map[row + low]);
}

// Negative evidence becomes 0, the rest is divided by the maximum: in [0, 1]; zero stays zero.
function normalise(map) {
  const top = map.reduce((a, b) => Math.max(a, b), 0);
  return map.map((v) => (v > 0 ? v / top : 0));
}

// CAM keeps its sign until it is upsampled, the other methods cut negative places off before.
function heatmap(method, answer, head, target, size) {
  const raw = rawMap(method, answer, head, target);
  const signed = method === "cam" ? raw : raw.map((v) => Math.max(v, 0));
  return normalise(upsample(signed, answer.side, size));
}

// --- how well a map covers the object ----------------------------------------------------------

// The marked region {h >= threshold * max(h)} as 0 and 1; empty for an all-zero map.
function region(h, threshold) {
  const least = threshold * h.reduce((a, b) => Math.max(a, b), 0);
  const marked = new Uint8Array(h.length);
  if (least > 0) for (let i = 0; i < h.length; i++) marked[i] = h[i] >= least ? 1 : 0;
  return marked;
}

function localisation(h, mask, threshold) {
  const marked = region(h, threshold);
  let heat = 0, heatOnObject = 0, inRegion = 0, onObject = 0, both = 0;
  for (let i = 0; i < h.length; i++) {
    heat += h[i];
    inRegion += marked[i];
    if (mask[i]) {
      heatOnObject += h[i];
      onObject += 1;
      both += marked[i];
    }
  }
  return {
    saliency: heat ? heatOnObject / heat : 0,
    iou: both / (inRegion + onObject - both),
    recall: both / onObject,
    precision: inRegion ? both / inRegion : 0,
    f1: (2 * both) / (inRegion + onObject),
  };
}

// A mask from its run lengths: so many pixels off, so many on, so many off ...
function maskFromRuns(runs) {
  const mask = new Uint8Array(runs.reduce((a, b) => a + b, 0));
  let at = 0;
  runs.forEach((length, i) => {
    mask.fill(i % 2, at, at + length);
    at += length;
  });
  return mask;
}

// Is pixel i of a region on its edge: inside, with a neighbour outside?
function onEdge(inside, i, width) {
  if (!inside[i]) return false;
  const x = i % width;
  const border = x === 0 || x === width - 1 || i < width || i >= inside.length - width;
  return border || !inside[i - 1] || !inside[i + 1] || !inside[i - width] || !inside[i + width];
}
