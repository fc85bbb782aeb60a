// What the network sees of a photograph: shorter side resized, centre cropped, to the byte as Pillow
// does it. Pillow resizes in two passes, along the rows and then along the columns, with weights in
// whole numbers (22 binary digits behind the point) and 8-bit pixels between the passes.

const PRECISION = 22;

// Keys' cubic with a = -0.5, Pillow's BICUBIC; it reaches two pixels to each side.
const REACH = 2;
function cubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// The weights of the output pixels from ``first`` to ``first + count`` when ``size`` pixels become
// ``made``. Shrinking widens the filter, so that every input pixel counts (antialiasing).
function resamplingWeights(size, made, first, count) {
  const scale = size / made;
  const wide = Math.max(scale, 1);
  const reach = REACH * wide;
  const all = [];
  for (let i = first; i < first + count; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const end = Math.min(Math.trunc(centre + reach + 0.5), size);
    const weights = [];
    let sum = 0;
    for (let j = start; j < end; j++) {
      weights.push(cubic((j - centre + 0.5) * (1 / wide)));
      sum += weights[j - start];
    }
    const whole = weights.map((w) => {
      const exact = (sum === 0 ? w : w / sum) * 2 ** PRECISION;
      return Math.trunc(exact < 0 ? exact - 0.5 : exact + 0.5);
    });
    all.push({ start, end, weights: Int32Array.from(whole) });
  }
  return all;
}

function toByte(sum) {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

// Python's round: a half goes to the even neighbour.
function roundHalfEven(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

// RGB bytes (size, size, 3) of a photograph of width x height pixels. The shorter side becomes
// ``resize`` pixels, then the middle is cut out. readRows(y0, y1) gives the RGBA bytes of some rows,
// so that a large photograph is never held at once. A photograph of the right size stays as it is.
async function viewOf(width, height, readRows, size, resize, pause = () => undefined) {
  if (width === size && height === size) return withoutAlpha(readRows(0, size));
  const scale = resize / Math.min(height, width);
  const w = Math.max(size, roundHalfEven(width * scale));
  const h = Math.max(size, roundHalfEven(height * scale));
  const columns = resamplingWeights(width, w, (w - size) >> 1, size);
  const rows = resamplingWeights(height, h, (h - size) >> 1, size);
  const [top, bottom] = [rows[0].start, rows[size - 1].end];
  const narrow = new Uint8Array((bottom - top) * size * 3);
  const strip = Math.max(1, Math.floor(1e6 / width));
  for (let y = top; y < bottom; y += strip) {
    const end = Math.min(y + strip, bottom);
    resizeRows(readRows(y, end), width, columns, narrow, (y - top) * size * 3);
    await pause((end - top) / (bottom - top));
  }
  return resizeColumns(narrow, top, size, rows);
}

function withoutAlpha(rgba) {
  return Uint8Array.from({ length: (rgba.length / 4) * 3 }, (_, i) => rgba[Math.floor(i / 3) * 4 + (i % 3)]);
}

function resizeRows(rgba, width, columns, out, to) {
  const half = 1 << (PRECISION - 1);
  for (let row = 0; row < rgba.length; row += 4 * width) {
    for (const { start, end, weights } of columns) {
      let red = half, green = half, blue = half;
      for (let j = start, at = row + 4 * start; j < end; j++, at += 4) {
        const w = weights[j - start];
        red += rgba[at] * w;
        green += rgba[at + 1] * w;
        blue += rgba[at + 2] * w;
      }
      out[to++] = toByte(red);
      out[to++] = toByte(green);
      out[to++] = toByte(blue);
    }
  }
}

function resizeColumns(narrow, top, size, rows) {
  const half = 1 << (PRECISION - 1);
  const line = 3 * size;
  const out = new Uint8Array(rows.length * line);
  rows.forEach(({ start, end, weights }, y) => {
    for (let x = 0; x < line; x++) {
      let sum = half;
      for (let j = start; j < end; j++) sum += narrow[(j - top) * line + x] * weights[j - start];
      out[y * line + x] = toByte(sum);
    }
  });
  return out;
}
