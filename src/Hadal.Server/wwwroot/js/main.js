// The page: holds the conversation that is shown and the runs that write answers, and lets the parts know of each other.
import { Api } from "./api.js";
import { Composer } from "./composer.js";
import * as tree from "./conversation.js";
import { announce, framed, h, toast } from "./dom.js";
import { rateText } from "./message-view.js";
import { Models } from "./models.js";
import { Run } from "./run.js";
import { SettingsPanel } from "./settings-panel.js";
import { Sidebar } from "./sidebar.js";
import { ConversationStore } from "./store.js";
import { ThreadView } from "./thread-view.js";

const SAVE_EVERY = 2000;

const settings = new SettingsPanel();
const api = new Api(() => settings.apiKey);
const store = new ConversationStore();
const runs = new Map(); // by conversation
let conversations = store.list();
let current = tree.newConversation();

const thread = new ThreadView({ edit, regenerate: again, retry, select: turn, compare, choose });
const composer = new Composer({ send, stop, editLast });
const models = new Models(api, { refused: error => error.status === 401 && settings.askForKey(), changed: show });
const sidebar = new Sidebar({ open, create, remove, rename, changed: reload, store });
settings.onkey = () => { toast("The key is used from now on."); models.load(); };

addEventListener("keydown", e => {
  if (e.key !== "Escape" || e.defaultPrevented) return;
  if (runs.has(current.id)) stop();
  else if (sidebar.covers) sidebar.close();
  else if (settings.isOpen) settings.close();
  composer.focus();
});
addEventListener("storage", e => store.concerns(e) && reload());
addEventListener("pagehide", () => runs.forEach((_, id) => save(find(id))));

function show() {
  const run = runs.get(current.id) ?? null;
  document.body.classList.toggle("empty", tree.isEmpty(current));
  document.title = current.title === "" ? "Hadal" : `${current.title} · Hadal`;
  thread.render(current, run);
  sidebar.render(conversations, current.id, runs);
  composer.show(run !== null, models.current?.chat ?? true);
  if (run === null) showRate(null);
}

// What is current when the frame comes counts, as the run may have ended or the conversation changed since the frame was asked for.
const refresh = framed(() => {
  const run = runs.get(current.id) ?? null;
  thread.refresh(current, run);
  showRate(run);
});

function showRate(run) {
  const rate = run?.rate ?? null;
  document.getElementById("rate").textContent = rate === null ? "" : `about ${rateText(rate)}`;
}

const find = id => (current.id === id ? current : conversations.find(c => c.id === id));

function save(conversation) {
  if (conversation === undefined) return;
  if (!store.save(conversation)) toast("The browser has no room left for conversations; export and delete some.");
  if (!tree.isEmpty(conversation) && !conversations.includes(conversation)) conversations.unshift(conversation);
}

// Another tab or an import changed what is kept. What is shown or being written here stays as it is here.
function reload() {
  const held = id => id === current.id || runs.has(id);
  const ours = conversations.filter(c => held(c.id));
  conversations = [...ours, ...store.list().filter(c => !held(c.id))].sort((a, b) => b.updated - a.updated);
  show();
}

function open(id) {
  current = find(id) ?? current;
  show();
  thread.follow();
  composer.focus();
}

function create() {
  current = tree.newConversation();
  show();
  composer.focus();
}

function remove(conversation) {
  runs.get(conversation.id)?.stop();
  store.remove(conversation.id);
  conversations = conversations.filter(c => c !== conversation);
  if (conversation === current) current = tree.newConversation();
  show();
  toast(`Deleted '${conversation.title}'.`, { label: "Undo", run: () => { save(conversation); reload(); } });
}

function rename(conversation, title) {
  conversation.title = title;
  save(conversation);
  show();
}

function send(text) {
  if (runs.has(current.id) || models.current === null) {
    if (models.current === null) toast("There is no model to send this to.");
    return false;
  }

  current.comparing = null;
  const message = tree.add(current, tree.leaf(current), "user", { content: text });
  answer(current, message.id);
  thread.follow();
  return true;
}

function stop() {
  runs.get(current.id)?.stop();
}

function editLast() {
  const last = tree.path(current).findLast(m => m.role === "user");
  if (last === undefined || runs.has(current.id)) return false;
  edit(last);
  return true;
}

function edit(message) {
  thread.view(message.id)?.edit(text => {
    if (text.trim() === "" || runs.has(current.id)) return;
    const changed = tree.add(current, message.parent, message.role, { content: text, ...(message.role === "assistant" ? { finish: "stop", model: message.model } : {}) });
    if (message.role === "user") answer(current, changed.id);
    else save(current);
    show();
  });
}

function again(message) {
  if (!runs.has(current.id)) answer(current, message.parent);
}

// An attempt that brought nothing is replaced; one that brought a part stays beside the next.
function retry(message) {
  if (runs.has(current.id)) return;
  const parent = current.nodes[message.parent];
  const failed = parent.children.filter(id => ["error", "lost"].includes(current.nodes[id].finish) && current.nodes[id].content === "" && current.nodes[id].children.length === 0);
  for (const id of failed) delete current.nodes[id];
  parent.children = parent.children.filter(id => !failed.includes(id));
  parent.selected = Math.max(0, parent.children.length - 1);
  answer(current, message.parent);
}

function turn(message, index) {
  const next = current.nodes[message.parent].children[index], button = document.activeElement?.getAttribute("aria-label");
  tree.select(current, next);
  save(current);
  show();
  thread.view(next).button(button)?.focus();
}

function compare(message) {
  current.comparing = message.parent;
  save(current);
  show();
}

function choose(message) {
  tree.select(current, message.id);
  current.comparing = null;
  save(current);
  show();
  announce("The conversation goes on with this answer.");
  composer.focus();
}

async function answer(conversation, parent) {
  composer.focus(); // what was pressed goes while the model writes
  const values = { ...settings.values }, messages = tree.upTo(conversation, parent);
  const first = conversation.nodes[parent].children.length;
  const answers = Array.from({ length: values.n }, () => tree.add(conversation, parent, "assistant"));
  conversation.nodes[parent].selected = first;
  conversation.comparing = values.n > 1 ? parent : null;
  const run = new Run(api, models.current, values, messages, answers);
  runs.set(conversation.id, run);
  save(conversation);
  show();
  announce("The answer is being written.");

  let saved = performance.now();
  const changed = () => {
    if (performance.now() - saved > SAVE_EVERY) {
      saved = performance.now();
      save(conversation);
    }

    if (conversation === current) refresh();
  };
  const ticking = setInterval(changed, 250); // thinking time goes on while nothing comes
  const failure = await run.complete(changed);
  clearInterval(ticking);
  runs.delete(conversation.id);
  if (conversation === current || conversations.includes(conversation)) save(conversation);
  show();
  announce(failure === null ? "The answer is complete." : failure.message);
  if (failure?.status === 401) settings.askForKey();
}

document.getElementById("empty").append(h("p", { class: "keys" }, h("kbd", {}, "Enter"), " sends · ", h("kbd", {}, "Shift Enter"), " new line · ", h("kbd", {}, "Esc"), " stops"));
show();
models.load();
composer.focus();
