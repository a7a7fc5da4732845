// Small things that every part of the page does with the document. Text goes in as text only; no part ever writes HTML.

/** An element. `on…` attributes are listeners; null, undefined and false are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }

  element.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A symbol of index.html. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button that shows an icon and is named by its label. */
export const iconButton = (name, label, onclick, attributes = {}) =>
  h("button", { type: "button", class: "quiet", "aria-label": label, title: label, onclick, ...attributes }, icon(name));

/** A button that copies what `text` returns and says so. */
export function copyButton(text, label = "Copy") {
  const button = iconButton("copy", label, async () => {
    const worked = await copy(text());
    button.replaceChildren(icon(worked ? "check" : "cross"));
    announce(worked ? "Copied." : "The browser did not allow copying.");
    setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // navigator.clipboard exists only on https and localhost; what follows is the way of before.
    const area = h("textarea", { class: "off-screen", readonly: true }), focused = document.activeElement;
    area.value = text;
    document.body.append(area);
    area.select();
    const worked = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return worked;
  }
}

/** Says something to screen readers. */
export function announce(text) {
  document.getElementById("announcement").textContent = text;
}

let toastTimer = 0;

/** Shows a sentence for a while, with something to do about it if given. */
export function toast(text, action = null) {
  const element = document.getElementById("toast");
  const hide = () => element.replaceChildren();
  clearTimeout(toastTimer);
  toastTimer = setTimeout(hide, action ? 8000 : 5000);
  element.replaceChildren(h("div", { class: "toast" }, text, action && h("button", { type: "button", onclick: () => { hide(); action.run(); } }, action.label)));
}

/** Calls at most once a frame. */
export function framed(callback) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      callback();
    });
  };
}

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = n => number.format(n);

/** "0.4 s", "12 s", "2 min 5 s". */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 60 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60) % 60} s`;
}
