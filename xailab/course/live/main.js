// Reads what the page holds and starts both parts, the photograph first.

function main() {
  const course = JSON.parse(byId("course").textContent);
  const weights = readBase64(byId("weights").textContent).buffer;
  // once it is read, the text only takes memory
  byId("weights").remove();
  photoPart(course, weights).then(() => incomePart(course.income));
}

// one frame first, so that the page is seen before the weights are read
requestAnimationFrame(() => setTimeout(main));
