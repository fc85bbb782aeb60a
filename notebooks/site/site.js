// What the theme leaves out for keyboards and screen readers.

function reachable() {
  // what scrolls sideways must be reached by keyboard, or its right part cannot be read without a mouse
  for (const element of document.querySelectorAll(".math-block, .bd-article table, .bd-article pre")) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll(".search-button-field")) {
    // its name is what is written on it
    button.removeAttribute("aria-label");
  }
  for (const summary of document.querySelectorAll(".bd-sidebar-primary summary")) {
    // an arrow without a word, beside the link to the page above
    const page = summary.closest("li").querySelector("a").textContent.trim();
    summary.setAttribute("aria-label", `Pages below ${page}`);
  }
  const sidebar = document.querySelector(".bd-sidebar-primary");
  sidebar?.setAttribute("role", "region");
  sidebar?.setAttribute("aria-label", "Contents of the site");
  reachable();
  addEventListener("resize", reachable);
});
