// The table model, and the exact Shapley values of one row.
//
// The network: 12 -> 64 -> 32 -> 1 with ReLU and a sigmoid; rows come in their own units. Its weights
// lie row by row, one row per output.

// The network ready to run: standardisation folded into the first layer, the second one packed.
function readIncomeNet({ mean, scale, layers }) {
  const [first, second, third] = layers;
  const d = mean.length;
  const hidden = first.bias.length;
  // column j of the first layer, divided by the feature's standard deviation
  const columns = mean.map((_, j) => Float64Array.from(first.bias, (_, o) => first.weights[o * d + j] / scale[j]));
  const start = Float64Array.from(first.bias, (b, o) => mean.reduce((sum, m, j) => sum - columns[j][o] * m, b));
  const packed = inBlocksOfFour(second.weights, second.bias.length);
  return { d, hidden, columns, start, second: { weights: packed, bias: second.bias }, third };
}

// W1 x + b1 of one row.
function firstLayer(net, row) {
  const z = net.start.slice();
  net.columns.forEach((column, j) => {
    for (let o = 0; o < net.hidden; o++) z[o] += column[o] * row[j];
  });
  return z;
}

// The rest of the network for four rows at a time. panel: ReLU(W1 x + b1), entry [unit][row].
function restOfNetwork(net, panel, sums, out) {
  const { weights, bias } = net.second;
  const { weights: last, bias: lastBias } = net.third;
  let a = lastBias[0], b = a, c = a, d = a;
  for (let o = 0; o < bias.length; o += 4) {
    fourByFour(panel, 0, weights, o * net.hidden, net.hidden, sums);
    for (let r = 0; r < 4; r++) {
      const w = last[o + r];
      const add = bias[o + r];
      a += w * Math.max(sums[4 * r] + add, 0);
      b += w * Math.max(sums[4 * r + 1] + add, 0);
      c += w * Math.max(sums[4 * r + 2] + add, 0);
      d += w * Math.max(sums[4 * r + 3] + add, 0);
    }
  }
  out[0] = sigmoid(a); out[1] = sigmoid(b); out[2] = sigmoid(c); out[3] = sigmoid(d);
}

function sigmoid(z) {
  return 1 / (1 + Math.exp(-z));
}

// Asks the network about ``count`` rows; nextFirstLayer(i) gives W1 x + b1 of row i.
function askInFours(net, count, nextFirstLayer) {
  const panel = new Float64Array(4 * net.hidden);
  const sums = new Float64Array(16);
  const four = new Float64Array(4);
  const out = new Float64Array(count);
  for (let i = 0; i < count; i += 4) {
    const rows = Math.min(4, count - i);
    for (let r = 0; r < rows; r++) {
      const z = nextFirstLayer(i + r);
      for (let o = 0; o < net.hidden; o++) panel[4 * o + r] = z[o] > 0 ? z[o] : 0;
    }
    restOfNetwork(net, panel, sums, four);
    out.set(four.subarray(0, rows), i);
  }
  return out;
}

// P(income > 50K) of each row.
function probabilities(net, rows) {
  return askInFours(net, rows.length, (i) => firstLayer(net, rows[i]));
}

// --- exact Shapley values ----------------------------------------------------------------------

// The values phi of row x over all coalitions, for the game v(S) = mean_b f(x_S, b_rest).
// Against one background row b, only the features on which x and b differ play. Their coalitions are
// visited in Gray code order: each differs from the one before in one feature, so the first layer
// changes by one column.
async function exactShapley(net, x, background, pause = () => undefined) {
  const values = new Float64Array(net.d);
  let base = 0, evaluations = 0;
  for (let r = 0; r < background.length; r++) {
    const b = background[r];
    const players = x.map((_, j) => j).filter((j) => x[j] !== b[j]);
    const v = gameAgainst(net, x, b, players);
    addShapley(v, players, values);
    base += v[0];
    evaluations += v.length;
    await pause((r + 1) / background.length);
  }
  const n = background.length;
  return {
    values: values.map((sum) => sum / n),
    base: base / n,
    prediction: probabilities(net, [x])[0],
    evaluations: evaluations + 1,
  };
}

// v of all 2^k coalitions of the players; bit i of the index: player i has x's value.
function gameAgainst(net, x, b, players) {
  const z = firstLayer(net, b);
  const steps = players.map((j) => net.columns[j].map((w) => w * (x[j] - b[j])));
  const count = 2 ** players.length;
  const order = Array.from({ length: count }, (_, i) => i ^ (i >> 1));
  const inOrder = askInFours(net, count, (i) => {
    if (i > 0) {
      const player = 31 - Math.clz32(order[i] ^ order[i - 1]);
      const sign = (order[i] >> player) & 1 ? 1 : -1;
      const step = steps[player];
      for (let o = 0; o < z.length; o++) z[o] += sign * step[o];
    }
    return z;
  });
  const v = new Float64Array(count);
  order.forEach((coalition, i) => (v[coalition] = inOrder[i]));
  return v;
}

// Adds the Shapley values of a game to ``values``: phi_i = sum over coalitions without i of
// |S|! (k - |S| - 1)! / k! (v(S + i) - v(S)).
function addShapley(v, players, values) {
  const k = players.length;
  const weight = Array.from({ length: k }, (_, s) => 1 / (k * choose(k - 1, s)));
  for (let coalition = 0; coalition < v.length; coalition++) {
    const w = weight[bits(coalition)];
    for (let i = 0; i < k; i++) {
      if (!((coalition >> i) & 1)) values[players[i]] += w * (v[coalition | (1 << i)] - v[coalition]);
    }
  }
}

function bits(n) {
  let count = 0;
  for (; n; n &= n - 1) count++;
  return count;
}

function choose(n, k) {
  let product = 1;
  for (let i = 1; i <= k; i++) product = (product * (n - k + i)) / i;
  return product;
}
