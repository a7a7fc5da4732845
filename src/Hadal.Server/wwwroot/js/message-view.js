// One message: what was said, thoughts folded, what may be done with it.
import { copyButton, count, duration, h, iconButton } from "./dom.js";
import { MarkdownView } from "./markdown.js";

const LONGEST_MARKDOWN = 200_000;
const NOTES = { length: "Reached the token limit.", stopped: "Stopped." };

export class MessageView {
  #actions;
  #markdown = new MarkdownView();
  #thoughts = new MarkdownView();
  #details;
  #summary = h("span");
  #unfolded = null; // what the user chose; null while the state of the answer decides
  #note = h("p", { class: "note" });
  #footer = h("footer");
  #body = h("div", { class: "body" });
  #cost = 0;
  #timer = 0;

  /** @param actions What the message may ask for: edit, regenerate, select, compare, choose, retry. */
  constructor(message, actions) {
    this.message = message;
    this.#actions = actions;
    this.#details = h("details", { class: "thinking" }, h("summary", { onclick: () => { this.#unfolded = !this.#details.open; } }, this.#summary), this.#thoughts.element);
    const speaker = message.role === "user" ? "You" : "Answer";
    this.heading = h("h2", { class: "speaker" }, speaker);
    this.element = h("article", { class: `message ${message.role}`, "data-id": message.id }, this.heading, this.#body, this.#footer);
    if (message.role === "user") this.#body.append(h("p", { class: "plain", dir: "auto" }, message.content));
    else this.#body.append(this.#details, this.#markdown.element, this.#note);
  }

  /**
   * Shows the message as it is now.
   * @param run The run that writes it, or null.
   * @param place Where it stands: { siblings, index, last, column }.
   */
  update(run, place) {
    if (this.message.role === "assistant") {
      this.#answer(run);
      // Cutting a long text into tokens again for every piece would take all the time there is: it gets a fifth of it.
      if (run === null || this.#cost < 8) this.#text();
      else this.#timer ||= setTimeout(() => this.#text(), Math.min(4 * this.#cost, 3000));
    }

    this.#showFooter(run, place);
  }

  /** Lets the user change the text; `done` gets it. */
  edit(done) {
    const { message } = this;
    const area = h("textarea", { "aria-label": "Edit message", class: "edit" });
    area.value = message.content;
    const close = () => { form.replaceWith(this.#body); this.#footer.hidden = false; };
    const save = () => { close(); done(area.value); };
    const form = h("form", { class: "editing", onsubmit: e => { e.preventDefault(); save(); } }, area,
      h("div", { class: "row" },
        h("button", { type: "submit", class: "primary" }, message.role === "user" ? "Send" : "Keep as another answer"),
        h("button", { type: "button", onclick: close }, "Cancel")));
    area.addEventListener("keydown", e => {
      if (e.key === "Escape") { e.stopPropagation(); close(); }
      else if (e.key === "Enter" && !e.shiftKey && !e.isComposing && message.role === "user") { e.preventDefault(); save(); }
    });
    this.#body.replaceWith(form);
    this.#footer.hidden = true;
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }

  /** The button of a name. */
  button(label) {
    return [...this.#footer.querySelectorAll("button")].find(button => button.getAttribute("aria-label") === label);
  }

  #answer(run) {
    const { message } = this, thinking = message.thinkingSince !== undefined;
    this.#details.hidden = !message.reasoning;
    if (message.reasoning) {
      this.#summary.textContent = thinking ? `Thinking, ${duration(performance.now() - message.thinkingSince)}`
        : message.thoughtMs === undefined ? "Thoughts" : `Thought for ${duration(message.thoughtMs)}`;
      this.#details.classList.toggle("active", thinking);
      this.#details.open = this.#unfolded ?? thinking;
    }

    this.element.classList.toggle("writing", run !== null && message.finish === null);
    this.element.classList.toggle("waiting", run !== null && message.finish === null && message.content === "" && !message.reasoning);
    this.#showNote(run);
  }

  #text() {
    const { message } = this, began = performance.now();
    clearTimeout(this.#timer);
    this.#timer = 0;
    for (const [view, text] of [[this.#thoughts, message.reasoning ?? ""], [this.#markdown, message.content]]) {
      if (text.length <= LONGEST_MARKDOWN) view.update(text);
      else view.element.replaceChildren(h("p", { class: "plain" }, text));
    }

    this.#cost = performance.now() - began;
  }

  #showNote(run) {
    const { message } = this;
    const text = run !== null ? "" : message.error ?? NOTES[message.finish] ?? (message.finish === "lost" ? "The answer was not finished." : message.content === "" ? "The model said nothing." : "");
    if (text === (this.#note.dataset.text ?? "")) return;
    this.#note.dataset.text = text;
    const failed = ["error", "lost"].includes(message.finish);
    this.#note.classList.toggle("failed", failed);
    if (failed) this.#note.setAttribute("role", "alert");
    this.#note.replaceChildren(text, failed ? h("button", { type: "button", onclick: () => this.#actions.retry(message) }, "Try again") : "");
  }

  #showFooter(run, place) {
    const { message } = this, state = JSON.stringify([run !== null, place, message.finish, message.stats ?? null]);
    if (state === this.#footer.dataset.state) return;
    const focused = this.#footer.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    this.#footer.dataset.state = state;
    this.#footer.replaceChildren(...(run !== null ? [] : this.#buttons(place)));
    if (focused) this.button(focused)?.focus();
  }

  #buttons({ siblings, index, column, last }) {
    const { message } = this, act = this.#actions, user = message.role === "user";
    if (column !== null) {
      return [h("button", { type: "button", class: "choose", onclick: () => act.choose(message) }, "Go on with this"), copyButton(() => message.content)];
    }

    const turn = by => () => act.select(message, (index + by + siblings) % siblings);
    return [
      siblings > 1 && h("span", { class: "pager" },
        iconButton("previous", "Previous version", turn(-1)), h("span", {}, `${index + 1} / ${siblings}`), iconButton("next", "Next version", turn(1))),
      copyButton(() => message.content),
      iconButton("edit", user ? "Edit and send again" : "Edit", () => act.edit(message)),
      !user && last && iconButton("again", "Answer again", () => act.regenerate(message)),
      !user && siblings > 1 && iconButton("columns", "Side by side", () => act.compare(message)),
      !user && message.stats && h("span", { class: "stats" }, statsText(message.stats)),
    ].filter(Boolean);
  }
}

/** "212 tokens, 38 tokens/s, first after 0.3 s". */
export function statsText(stats) {
  const tokens = stats.completionTokens ?? stats.pieces, parts = [];
  parts.push(`${stats.completionTokens === undefined ? "about " : ""}${count(tokens)} tokens${stats.answers > 1 ? ` in ${stats.answers} answers` : ""}`);
  if (tokens > stats.answers && stats.ms > 0) parts.push(`${rateText(((tokens - stats.answers) * 1000) / stats.ms)}`);
  if (stats.firstMs !== undefined) parts.push(`first after ${duration(stats.firstMs)}`);
  if (stats.promptTokens) parts.push(`prompt ${count(stats.promptTokens)}${stats.cachedTokens ? `, ${count(stats.cachedTokens)} cached` : ""}`);
  return parts.join(" · ");
}

export const rateText = rate => `${rate < 10 ? rate.toFixed(1) : count(rate)} tokens/s`;
