// What this browser keeps: one entry for each conversation, so that two tabs don't overwrite each other's.
import { readConversation, isEmpty, newId } from "./conversation.js";

const PREFIX = "hadal.conversation.";
const FORMAT = "hadal-conversations";

/** Text that was kept under a name; null if there is none or nothing can be kept. */
export function load(name) {
  try {
    return localStorage.getItem(`hadal.${name}`);
  } catch {
    return null;
  }
}

/** Keeps text under a name; an empty one forgets it. Returns whether that worked. */
export function keep(name, text) {
  try {
    if (text === "") localStorage.removeItem(`hadal.${name}`);
    else localStorage.setItem(`hadal.${name}`, text);
    return true;
  } catch {
    return false;
  }
}

export class ConversationStore {
  /** All conversations, the latest first. Entries that can't be read stay where they are and are left out. */
  list() {
    const found = [];
    for (const key of this.#keys()) {
      const conversation = this.#read(key);
      if (conversation !== null) found.push(conversation);
    }

    return found.sort((a, b) => b.updated - a.updated);
  }

  get(id) {
    return this.#read(PREFIX + id);
  }

  /** Returns false when the browser has no room left. */
  save(conversation) {
    return isEmpty(conversation) || keep(`conversation.${conversation.id}`, JSON.stringify(conversation));
  }

  remove(id) {
    keep(`conversation.${id}`, "");
  }

  /** Whether a storage event of another tab was about a conversation. */
  concerns(event) {
    return event.key === null || event.key.startsWith(PREFIX);
  }

  /** Everything, as the text of a file. */
  exportAll() {
    return JSON.stringify({ format: FORMAT, version: 1, conversations: this.list() }, null, 1);
  }

  /** Adds the conversations of a file; those that are here already, word for word, are not doubled. Returns how many came in. */
  import(text) {
    let file;
    try {
      file = JSON.parse(text);
    } catch {
      throw new Error("The file is no JSON.");
    }

    if (file?.format !== FORMAT || !Array.isArray(file.conversations)) throw new Error(`The file is no export of this page: '${FORMAT}' is missing.`);
    if (file.version !== 1) throw new Error(`The file has version ${JSON.stringify(file.version)}, expected 1.`);
    const read = file.conversations.map((conversation, i) => {
      try {
        return readConversation(conversation);
      } catch (error) {
        throw new Error(`Conversation ${i + 1} of the file can't be read: ${error.message}.`, { cause: error });
      }
    });

    let added = 0;
    for (const conversation of read) {
      const here = this.get(conversation.id);
      if (here !== null && JSON.stringify(here.nodes) === JSON.stringify(conversation.nodes)) continue;
      if (here !== null || !/^[0-9a-f]{24}$/.test(conversation.id)) conversation.id = newId();
      if (!this.save(conversation)) throw new Error(`The browser has no room left: ${added} of ${read.length} conversations came in.`);
      added++;
    }

    return added;
  }

  #keys() {
    try {
      return Object.keys(localStorage).filter(key => key.startsWith(PREFIX));
    } catch {
      return [];
    }
  }

  #read(key) {
    try {
      const text = localStorage.getItem(key);
      return text === null ? null : readConversation(JSON.parse(text));
    } catch {
      return null;
    }
  }
}
