// LIME for one row of the table: draw rows, ask the network, weigh them, fit a line.

// A stream of numbers in [0, 1), the same for the same seed (mulberry32).
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// n rows to ask the model about; each value is drawn from its training column, row 0 is x itself.
// columns: for each feature the values of the training set and how often each occurs.
function drawRows(x, columns, n, random) {
  const bounds = columns.map(({ counts }) => {
    let sum = 0;
    return counts.map((count) => (sum += count));
  });
  const rows = [x];
  while (rows.length < n) {
    rows.push(
      columns.map(({ values }, j) => {
        const drawn = random() * bounds[j][bounds[j].length - 1];
        return values[firstAbove(bounds[j], drawn)];
      }),
    );
  }
  return rows;
}

// The first index whose bound is greater than the number.
function firstAbove(bounds, number) {
  let low = 0, high = bounds.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle] > number) high = middle;
    else low = middle + 1;
  }
  return low;
}

// Which bin of a numeric feature a value lies in: how many edges (quartiles) are below it.
function binOf(value, edges) {
  let bin = 0;
  while (bin < edges.length && edges[bin] < value) bin++;
  return bin;
}

// What "the feature is as in x" means, in words.
function condition(name, value, { edges, names }) {
  if (names) return `${name} = ${names[value]}`;
  const bin = binOf(value, edges);
  if (bin === 0) return `${name} ≤ ${edges[0]}`;
  if (bin === edges.length) return `${name} > ${edges[bin - 1]}`;
  return `${edges[bin - 1]} < ${name} ≤ ${edges[bin]}`;
}

// 1 where the value has the category or the quartile of x, else 0.
function sameAs(x, row, columns) {
  return row.map((value, j) => {
    const { edges } = columns[j];
    return Number(edges ? binOf(value, edges) === binOf(x[j], edges) : value === x[j]);
  });
}

// LIME for one row: a weighted linear model of the network's answers about ``rows`` (row 0 is x).
function limeFit(net, rows, columns) {
  const d = net.d;
  const width = 0.75 * Math.sqrt(d);
  const Z = rows.map((row) => sameAs(rows[0], row, columns));
  const y = probabilities(net, rows);
  // the squared distance is the number of features that differ
  const weights = Z.map((z) => Math.exp(-(d - z.reduce((a, b) => a + b, 0)) / (2 * width ** 2)));
  const line = weightedRidge(Z, y, weights);
  const local = line.intercept + line.weights.reduce((a, b) => a + b, 0);
  return { ...line, local, prediction: y[0] };
}

// Minimises sum_i pi_i (y_i - b - z_i w)^2 + |w|^2; r2 is weighted with pi too.
function weightedRidge(Z, y, pi) {
  const d = Z[0].length;
  const total = pi.reduce((a, b) => a + b, 0);
  const mean = (of) => pi.reduce((sum, p, i) => sum + p * of(i), 0) / total;
  const yMean = mean((i) => y[i]);
  const zMean = Z[0].map((_, j) => mean((i) => Z[i][j]));
  const matrix = Z[0].map((_, j) => Z[0].map((_, k) => Number(j === k)));
  const right = new Array(d).fill(0);
  Z.forEach((z, i) => {
    const centred = z.map((v, j) => v - zMean[j]);
    for (let j = 0; j < d; j++) {
      const left = pi[i] * centred[j];
      right[j] += left * (y[i] - yMean);
      for (let k = 0; k < d; k++) matrix[j][k] += left * centred[k];
    }
  });
  const weights = solve(matrix, right);
  let spread = 0, residual = 0;
  Z.forEach((z, i) => {
    const fitted = z.reduce((sum, v, j) => sum + weights[j] * (v - zMean[j]), 0);
    spread += pi[i] * (y[i] - yMean) ** 2;
    residual += pi[i] * (y[i] - yMean - fitted) ** 2;
  });
  const intercept = yMean - weights.reduce((sum, w, j) => sum + w * zMean[j], 0);
  return { weights, intercept, r2: spread > 0 ? 1 - residual / spread : 0 };
}

// Gaussian elimination for a positive definite matrix.
function solve(matrix, right) {
  const d = right.length;
  const rows = matrix.map((row, j) => [...row, right[j]]);
  for (let j = 0; j < d; j++) {
    for (let i = j + 1; i < d; i++) {
      const factor = rows[i][j] / rows[j][j];
      for (let k = j; k <= d; k++) rows[i][k] -= factor * rows[j][k];
    }
  }
  const x = new Array(d).fill(0);
  for (let j = d - 1; j >= 0; j--) {
    let sum = rows[j][d];
    for (let k = j + 1; k < d; k++) sum -= rows[j][k] * x[k];
    x[j] = sum / rows[j][j];
  }
  return x;
}
