// The messages of a conversation, in a column; answers that are compared stand side by side.
import { path, siblings } from "./conversation.js";
import { h } from "./dom.js";
import { MessageView, statsText } from "./message-view.js";

const NEAR = 80; // pixels from the bottom that still count as being there

export class ThreadView {
  #element;
  #scroller;
  #actions;
  #views = new Map();
  #shown = null;
  #following = true;
  #down;

  constructor(actions) {
    this.#actions = actions;
    this.#element = document.getElementById("thread");
    this.#scroller = document.getElementById("scroller");
    this.#down = document.getElementById("down");
    this.#scroller.addEventListener("scroll", () => {
      this.#following = this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight < NEAR;
      this.#down.hidden = this.#following;
    }, { passive: true });
    this.#down.addEventListener("click", () => this.follow());
    new ResizeObserver(() => this.#keepUp()).observe(this.#element);
  }

  /** Shows a conversation, after messages came, went, or changed places. */
  render(conversation, run) {
    if (this.#shown !== conversation.id) {
      this.#views.clear();
      this.#shown = conversation.id;
      this.#following = true;
    }

    const rows = [], used = new Set();
    for (const message of path(conversation)) {
      const compared = message.role === "assistant" && conversation.comparing === message.parent ? siblings(conversation, message) : null;
      if (compared !== null && compared.length > 1) {
        rows.push(this.#columns(compared, message, used));
      } else {
        rows.push(this.#view(message, used).element);
      }
    }

    for (const id of this.#views.keys()) if (!used.has(id)) this.#views.delete(id);
    // An element that is taken out and put back loses the focus, for example of a message that is being edited.
    const shown = this.#element.children;
    if (rows.length !== shown.length || rows.some((row, i) => row !== shown[i])) this.#element.replaceChildren(...rows);
    this.refresh(conversation, run);
  }

  /** Goes to the end, and stays there as it moves. */
  follow() {
    this.#following = true;
    this.#keepUp();
  }

  /** The view of a message that is shown. */
  view(id) {
    return this.#views.get(id);
  }

  #keepUp() {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #view(message, used) {
    used.add(message.id);
    let view = this.#views.get(message.id);
    if (view?.message !== message) {
      view = new MessageView(message, this.#actions);
      this.#views.set(message.id, view);
    }

    view.heading.textContent = message.role === "user" ? "You" : "Answer";
    return view;
  }

  #columns(compared, selected, used) {
    const columns = compared.map((message, i) => {
      const view = this.#view(message, used);
      view.heading.textContent = `Answer ${i + 1}`;
      view.element.classList.toggle("selected", message === selected);
      return view.element;
    });
    const stats = compared.at(-1).stats;
    return h("section", { class: "comparison", "aria-label": `${compared.length} answers side by side` },
      h("div", { class: "columns", tabindex: "0" }, ...columns),
      stats?.answers > 1 && h("p", { class: "stats" }, statsText(stats)));
  }

  /** Shows the messages as they are now, after text came. */
  refresh(conversation, run) {
    const messages = path(conversation);
    for (const view of this.#views.values()) {
      const all = siblings(conversation, view.message), compared = conversation.comparing === view.message.parent && view.message.role === "assistant" && all.length > 1;
      view.update(run?.answers.includes(view.message) ? run : null, {
        siblings: all.length,
        index: all.indexOf(view.message),
        last: view.message === messages.at(-1),
        column: compared ? all.indexOf(view.message) : null,
      });
    }

    this.#element.setAttribute("aria-busy", String(run !== null));
    this.#keepUp();
  }
}
