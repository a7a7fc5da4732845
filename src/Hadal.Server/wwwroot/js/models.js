// Which model answers.
import { h } from "./dom.js";
import { keep, load } from "./store.js";

export class Models {
  #api;
  #actions;
  #list = [];
  #select = document.getElementById("model");
  #banner = document.getElementById("banner");

  /** @param actions refused(error), when the server does not tell its models; changed(), when another model is chosen. */
  constructor(api, actions) {
    this.#api = api;
    this.#actions = actions;
    this.#select.addEventListener("change", () => { keep("model", this.#select.value); this.#show(); });
  }

  /** The model that answers: { id, chat, context }; null while none is known. */
  current = null;

  async load() {
    try {
      this.#list = await this.#api.models();
      this.#say(this.#list.length === 0 ? "The server has no model." : null);
    } catch (error) {
      this.#say(error.message);
      this.#actions.refused(error);
      if (error.status === 503) setTimeout(() => this.load(), 1000 * (error.retryAfter ?? 2)); // the model is being loaded
      return;
    }

    this.#select.replaceChildren(...this.#list.map(model => h("option", { value: model.id }, model.id)));
    const wanted = load("model");
    if (this.#list.some(model => model.id === wanted)) this.#select.value = wanted;
    this.#show();
  }

  #show() {
    this.current = this.#list.find(model => model.id === this.#select.value) ?? null;
    this.#select.disabled = this.#list.length < 2;
    document.getElementById("no-chat").hidden = this.current?.chat !== false;
    this.#actions.changed();
  }

  #say(text) {
    this.#banner.hidden = text === null;
    this.#banner.replaceChildren(text ?? "", text === null ? "" : h("button", { type: "button", onclick: () => this.load() }, "Try again"));
  }
}
