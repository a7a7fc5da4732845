// Markdown as the model writes it, made into elements. marked only cuts the text into tokens; elements are made here, one for
// each kind of token, and text goes in as text. So there is no HTML to sanitise: a tag in an answer is shown, not obeyed.
import { Marked } from "../vendor/marked/marked.esm.js";
import { copyButton, h } from "./dom.js";
import { formula, mathExtensions } from "./math.js";

const marked = new Marked({ gfm: true });
marked.use({ extensions: mathExtensions });

const DEEPEST = 40;
const SCHEMES = ["http:", "https:", "mailto:"];
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", ndash: "–", mdash: "—", hellip: "…", times: "×", le: "≤", ge: "≥", ne: "≠", copy: "©" };

/** A rendering that follows a growing text: blocks that stay the same keep their elements, and with them a selection in them. */
export class MarkdownView {
  element = h("div", { class: "prose" });
  #text = null;
  #blocks = [];

  update(text) {
    if (text === this.#text) return;
    this.#text = text;
    const blocks = lex(text);
    let same = 0;
    while (same < blocks.length && same < this.#blocks.length && blocks[same].raw === this.#blocks[same].raw && blocks[same].type === this.#blocks[same].type) same++;
    for (const old of this.#blocks.splice(same)) old.element.remove();
    for (const token of blocks.slice(same)) {
      const element = block(token, 0);
      this.element.append(element);
      this.#blocks.push({ raw: token.raw, type: token.type, element });
    }
  }
}

// Blocks that show something. Text that marked gives up on, for example quotes nested thousands deep, is shown as it is.
function lex(text) {
  try {
    return marked.lexer(text).filter(token => token.type !== "space" && token.type !== "def");
  } catch {
    return [{ type: "plain", raw: text, text }];
  }
}

function block(token, depth) {
  if (depth > DEEPEST) return h("p", { class: "plain" }, token.raw);
  const blocks = () => token.tokens.filter(t => t.type !== "space" && t.type !== "def").map(t => block(t, depth + 1));
  switch (token.type) {
    case "heading": return h(`h${Math.min(6, token.depth + 2)}`, { dir: "auto" }, ...inlines(token.tokens, depth)); // h1 and h2 are the page's own
    case "paragraph": return h("p", { dir: "auto" }, ...inlines(token.tokens, depth));
    case "text": return h("span", {}, ...(token.tokens ? inlines(token.tokens, depth) : [decode(token.text)]));
    case "code": return codeBlock(token);
    case "blockquote": return h("blockquote", {}, ...blocks());
    case "list": return h(token.ordered ? "ol" : "ul", { start: token.ordered && token.start !== 1 ? String(token.start) : null, dir: "auto" }, ...token.items.map(item => listItem(item, depth + 1)));
    case "table": return table(token, depth);
    case "hr": return h("hr");
    case "math": return h("div", { class: "formula", tabindex: "0" }, formula(token));
    default: return h("p", { class: "plain" }, token.raw.replace(/\n+$/, ""));
  }
}

function listItem(item, depth) {
  const children = item.tokens.filter(t => t.type !== "space" && t.type !== "def" && t.type !== "checkbox").map(t => block(t, depth + 1));
  if (!item.task) return h("li", {}, ...children);
  return h("li", { class: "task" }, h("input", { type: "checkbox", disabled: true, checked: item.checked, "aria-label": item.checked ? "done" : "to do" }), ...children);
}

function table(token, depth) {
  const cell = (tag, c, i) => h(tag, { class: token.align[i] ? `align-${token.align[i]}` : null, dir: "auto" }, ...inlines(c.tokens, depth));
  return h("div", { class: "table", tabindex: "0" }, h("table", {},
    h("thead", {}, h("tr", {}, ...token.header.map((c, i) => cell("th", c, i)))),
    h("tbody", {}, ...token.rows.map(row => h("tr", {}, ...row.map((c, i) => cell("td", c, i)))))));
}

function codeBlock(token) {
  const language = (token.lang ?? "").trim().split(/\s/)[0].slice(0, 30);
  return h("figure", { class: "code" },
    h("figcaption", {}, h("span", {}, language), copyButton(() => token.text, "Copy code")),
    h("pre", { tabindex: "0" }, h("code", {}, token.text)));
}

const inlines = (tokens, depth) => (tokens ?? []).map(token => inline(token, depth));

function inline(token, depth) {
  if (depth > DEEPEST) return document.createTextNode(token.raw);
  const inner = () => inlines(token.tokens, depth + 1);
  switch (token.type) {
    case "strong": return h("strong", {}, ...inner());
    case "em": return h("em", {}, ...inner());
    case "del": return h("del", {}, ...inner());
    case "codespan": return h("code", {}, token.text);
    case "br": return h("br");
    case "link": return link(token, inner());
    case "image": return link(token, [`image: ${token.text || token.href}`]); // loading it would tell a stranger that it was read
    case "math": return formula(token);
    case "html": return /^<br\s*\/?>$/i.test(token.raw) ? h("br") : document.createTextNode(token.raw);
    case "text": return token.tokens ? h("span", {}, ...inner()) : document.createTextNode(decode(token.text));
    case "escape": return document.createTextNode(token.text);
    default: return document.createTextNode(token.raw);
  }
}

// Only whole addresses of kinds that open a page or a letter; any other is shown as the text that it is.
function link(token, children) {
  let url;
  try {
    url = new URL(token.href);
  } catch {
    return h("span", {}, ...children);
  }

  if (!SCHEMES.includes(url.protocol)) return h("span", {}, ...children);
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow", title: url.href }, ...children);
}

function decode(text) {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]+));/g, (whole, decimal, hex, name) => {
    if (name) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : whole;
    const code = decimal ? Number.parseInt(decimal, 10) : Number.parseInt(hex, 16);
    return code === 0 || code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
  });
}
