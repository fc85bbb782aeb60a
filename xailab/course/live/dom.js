// What both parts of the page share: elements, numbers as text, pauses for the browser.

const byId = (id) => document.getElementById(id);

// An element with attributes and children; text stays text.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

function readBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// Lets the browser draw and answer keys; setTimeout would wait for longer.
const nextTask = () =>
  new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(null);
  });

// Thrown by a pause when newer work has replaced this one.
const REPLACED = new Error("Newer work has replaced this one.");

// Long work in short pieces. start(work) replaces what is running: its next pause throws REPLACED.
// work(pause, report): pause(share) hands over to the browser when 25 ms have passed.
function oneAtATime(report) {
  let newest = 0;
  return async function start(work) {
    const mine = ++newest;
    let since = performance.now();
    const pause = async (share) => {
      if (performance.now() - since > 25) {
        report(share);
        await nextTask();
        since = performance.now();
      }
      if (mine !== newest) throw REPLACED;
    };
    try {
      await work(pause);
    } catch (error) {
      if (error !== REPLACED) throw error;
    }
  };
}
