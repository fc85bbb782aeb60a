// The convolutional network. Maps lie channel after channel (channel, row, column), in Float32Array.
//
// A layer of the plan: kind "conv" | "pointwise" | "depthwise" | "linear", inputs, outputs, kernel,
// stride, relu6, keep (remember this layer's input), add (add the remembered input to the output),
// bits (32: float32, 16 or 8: whole numbers times one scale per output channel), and the places of
// weights, scales and bias in the file, in bytes.

// --- weights -----------------------------------------------------------------------------------

const NUMBERS = { 8: Int8Array, 16: Int16Array, 32: Float32Array };

// The weights of one layer as float32, row by row (one row per output channel).
function dequantise(layer, buffer) {
  const row = layer.kind === "depthwise" ? layer.kernel ** 2 : layer.inputs * layer.kernel ** 2;
  const stored = new NUMBERS[layer.bits](buffer, layer.weights, layer.outputs * row);
  if (layer.bits === 32) return stored;
  const scales = new Float32Array(buffer, layer.scales, layer.outputs);
  const weights = new Float32Array(stored.length);
  for (let o = 0, i = 0; o < layer.outputs; o++) {
    const scale = scales[o];
    for (const end = i + row; i < end; i++) weights[i] = stored[i] * scale;
  }
  return weights;
}

// Four output channels side by side: entry [o / 4][i][o % 4], the order in which multiply reads them.
function inBlocksOfFour(weights, outputs) {
  const inputs = weights.length / outputs;
  const packed = new Float32Array(weights.length);
  for (let o = 0; o < outputs; o++) {
    let place = (o >> 2) * 4 * inputs + (o & 3);
    for (let i = o * inputs; i < (o + 1) * inputs; i++, place += 4) packed[place] = weights[i];
  }
  return packed;
}

// The layers of a plan with their numbers, ready to run.
function readNetwork(plan, buffer) {
  return plan.map((layer) => {
    const weights = dequantise(layer, buffer);
    const matrix = layer.kind === "conv" || layer.kind === "pointwise";
    return {
      ...layer,
      weights: matrix ? inBlocksOfFour(weights, layer.outputs) : weights,
      bias: new Float32Array(buffer, layer.bias, layer.outputs),
    };
  });
}

// --- layers ------------------------------------------------------------------------------------

// out = W x + bias. x: (inputs, places), W packed in blocks of four. Sixteen sums at a time stay in
// registers: four output channels times four places.
function multiply(x, places, layer, inputs) {
  const { weights, bias, outputs, relu6 } = layer;
  const out = new Float32Array(outputs * places);
  const low = relu6 ? 0 : -Infinity;
  const high = relu6 ? 6 : Infinity;
  const group = 16;
  const panels = new Float32Array(group * inputs);
  const sums = new Float64Array(16);
  for (let start = 0; start < places; start += group) {
    const width = Math.min(group, places - start);
    if (width < group) panels.fill(0);
    for (let i = 0; i < inputs; i++) {
      const from = i * places + start;
      for (let p = 0; p < width; p++) {
        panels[(p >> 2) * 4 * inputs + 4 * i + (p & 3)] = x[from + p];
      }
    }
    for (let o = 0; o < outputs; o += 4) {
      const block = o * inputs;
      for (let p = 0; p < width; p += 4) {
        fourByFour(panels, p * inputs, weights, block, inputs, sums);
        const columns = Math.min(4, width - p);
        for (let r = 0; r < 4; r++) {
          const b = bias[o + r];
          const to = (o + r) * places + start + p;
          for (let c = 0; c < columns; c++) {
            const value = sums[4 * r + c] + b;
            out[to + c] = value < low ? low : value > high ? high : value;
          }
        }
      }
    }
  }
  return out;
}

function fourByFour(x, at, w, wat, inputs, sums) {
  let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
  let c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0;
  for (const end = at + 4 * inputs; at < end; at += 4, wat += 4) {
    const x0 = x[at], x1 = x[at + 1], x2 = x[at + 2], x3 = x[at + 3];
    let v = w[wat];
    a0 += v * x0; a1 += v * x1; a2 += v * x2; a3 += v * x3;
    v = w[wat + 1];
    b0 += v * x0; b1 += v * x1; b2 += v * x2; b3 += v * x3;
    v = w[wat + 2];
    c0 += v * x0; c1 += v * x1; c2 += v * x2; c3 += v * x3;
    v = w[wat + 3];
    d0 += v * x0; d1 += v * x1; d2 += v * x2; d3 += v * x3;
  }
  sums[0] = a0; sums[1] = a1; sums[2] = a2; sums[3] = a3;
  sums[4] = b0; sums[5] = b1; sums[6] = b2; sums[7] = b3;
  sums[8] = c0; sums[9] = c1; sums[10] = c2; sums[11] = c3;
  sums[12] = d0; sums[13] = d1; sums[14] = d2; sums[15] = d3;
}

// TensorFlow's padding "SAME": the output has ceil(size / stride) rows; an odd row of zeros goes to
// the right and the bottom.
function samePadding(size, kernel, stride) {
  const made = Math.ceil(size / stride);
  const total = Math.max((made - 1) * stride + kernel - size, 0);
  return { made, before: total >> 1, padded: size + total };
}

// One channel of x with zeros around it, written into ``padded``, whose border is zero already.
function putInside(x, channel, size, padded, width, before) {
  for (let y = 0; y < size; y++) {
    const from = (channel * size + y) * size;
    padded.set(x.subarray(from, from + size), (y + before) * width + before);
  }
}

// Every channel filtered with its own kernel.
function depthwise(x, size, layer) {
  const { kernel, stride, outputs, weights, bias, relu6 } = layer;
  const { made, before, padded: width } = samePadding(size, kernel, stride);
  const out = new Float32Array(outputs * made * made);
  const padded = new Float32Array(width * width);
  const sums = new Float64Array(made);
  const low = relu6 ? 0 : -Infinity;
  const high = relu6 ? 6 : Infinity;
  const filterRow = kernel === 3 ? addRowOfThree : addRowOfFive;
  for (let c = 0; c < outputs; c++) {
    putInside(x, c, size, padded, width, before);
    for (let y = 0; y < made; y++) {
      sums.fill(bias[c]);
      for (let row = 0; row < kernel; row++) {
        filterRow(padded, (y * stride + row) * width, stride, weights, (c * kernel + row) * kernel, sums, made);
      }
      const to = (c * made + y) * made;
      for (let i = 0; i < made; i++) {
        const value = sums[i];
        out[to + i] = value < low ? low : value > high ? high : value;
      }
    }
  }
  return out;
}

function addRowOfThree(x, at, stride, w, wat, sums, count) {
  const w0 = w[wat], w1 = w[wat + 1], w2 = w[wat + 2];
  for (let i = 0; i < count; i++, at += stride) {
    sums[i] += w0 * x[at] + w1 * x[at + 1] + w2 * x[at + 2];
  }
}

function addRowOfFive(x, at, stride, w, wat, sums, count) {
  const w0 = w[wat], w1 = w[wat + 1], w2 = w[wat + 2], w3 = w[wat + 3], w4 = w[wat + 4];
  for (let i = 0; i < count; i++, at += stride) {
    sums[i] += w0 * x[at] + w1 * x[at + 1] + w2 * x[at + 2] + w3 * x[at + 3] + w4 * x[at + 4];
  }
}

// The patches of a full convolution as columns (inputs * kernel^2, places), so that it is a product.
function patches(x, size, layer) {
  const { kernel, stride, inputs } = layer;
  const { made, before, padded: width } = samePadding(size, kernel, stride);
  const columns = new Float32Array(inputs * kernel * kernel * made * made);
  const padded = new Float32Array(width * width);
  let to = 0;
  for (let c = 0; c < inputs; c++) {
    putInside(x, c, size, padded, width, before);
    for (let row = 0; row < kernel; row++) {
      for (let column = 0; column < kernel; column++) {
        for (let y = 0; y < made; y++) {
          let at = (y * stride + row) * width + column;
          for (let i = 0; i < made; i++, at += stride) columns[to++] = padded[at];
        }
      }
    }
  }
  return columns;
}

// --- the whole network -------------------------------------------------------------------------

// pixels: RGB bytes (row, column, channel) of the view -> (channel, row, column), standardised.
function standardise(pixels, mean, std) {
  const places = pixels.length / 3;
  const x = new Float32Array(pixels.length);
  for (let c = 0; c < 3; c++) {
    for (let p = 0; p < places; p++) x[c * places + p] = (pixels[3 * p + c] / 255 - mean[c]) / std[c];
  }
  return x;
}

// Runs the network on x (3, size, size). Resolves to the logits and the activations of the last
// convolution, from which every map is made. After each layer it awaits pause(share done); a pause
// that throws stops the run.
async function runNetwork(layers, x, size, pause = () => undefined) {
  let kept = null;
  const last = layers.length - 1;
  for (let l = 0; l < last; l++) {
    const layer = layers[l];
    if (layer.keep) kept = x;
    if (layer.kind === "pointwise") {
      x = multiply(x, size * size, layer, layer.inputs);
    } else {
      const made = Math.ceil(size / layer.stride);
      if (layer.kind === "depthwise") x = depthwise(x, size, layer);
      else x = multiply(patches(x, size, layer), made * made, layer, layer.inputs * layer.kernel ** 2);
      size = made;
    }
    if (layer.add) for (let i = 0; i < x.length; i++) x[i] += kept[i];
    await pause((l + 1) / layers.length);
  }
  const head = layers[last];
  return { activations: x, side: size, logits: linear(channelMeans(x, head.inputs), head) };
}

// Global average pooling: (channels, h, w) -> (channels).
function channelMeans(A, channels) {
  const places = A.length / channels;
  const means = new Float64Array(channels);
  for (let k = 0, i = 0; k < channels; k++) {
    let sum = 0;
    for (let p = 0; p < places; p++) sum += A[i++];
    means[k] = sum / places;
  }
  return means;
}

function linear(features, { weights, bias, outputs, inputs }) {
  const out = new Float64Array(outputs);
  for (let o = 0, i = 0; o < outputs; o++) {
    let sum = bias[o];
    for (let k = 0; k < inputs; k++) sum += weights[i++] * features[k];
    out[o] = sum;
  }
  return out;
}

function softmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const powers = Array.from(logits, (z) => Math.exp(z - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((p) => p / sum);
}

// The indices of the k largest values, the largest first.
function largest(values, k) {
  const order = Array.from(values, (_, i) => i);
  return order.sort((a, b) => values[b] - values[a] || a - b).slice(0, k);
}
