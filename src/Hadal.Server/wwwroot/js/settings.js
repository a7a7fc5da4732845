// What the user may set, within which bounds, and how it is said in a request. An empty number leaves the choice to the server.

export const FIELDS = {
  temperature: { kind: "number", label: "Temperature", min: 0, max: 2, step: 0.05, request: "temperature", hint: "0 always takes the likeliest token" },
  topP: { kind: "number", label: "Top-p", min: 0.01, max: 1, step: 0.01, request: "top_p", hint: "likeliest tokens up to this joint probability" },
  topK: { kind: "integer", label: "Top-k", min: 0, max: 100000, step: 1, request: "top_k", hint: "so many likeliest tokens; 0 for all" },
  minP: { kind: "number", label: "Min-p", min: 0, max: 1, step: 0.01, request: "min_p", hint: "at least this share of the likeliest" },
  maxTokens: { kind: "integer", label: "Max tokens", min: 1, max: 1000000, step: 1, request: "max_tokens", hint: "thoughts included" },
  seed: { kind: "integer", label: "Seed", min: 0, max: 2147483647, step: 1, request: "seed", hint: "the same seed draws the same answer" },
  n: { kind: "integer", label: "Answers side by side", min: 1, max: 8, step: 1, request: "n", initial: 1 },
  json: { kind: "boolean", label: "Answer in JSON", initial: false },
  system: { kind: "text", label: "System prompt", initial: "" },
};

/** All settings at their beginnings. */
export const initialSettings = () => Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, field.initial ?? null]));

/** What a stored or typed value means for a field; undefined when it means nothing. */
export function read(name, value) {
  const field = FIELDS[name];
  if (field.kind === "boolean") return typeof value === "boolean" ? value : undefined;
  if (field.kind === "text") return typeof value === "string" ? value : undefined;
  const text = typeof value === "string" ? value.trim() : value;
  if (text === null || text === "") return field.initial ?? null;
  const number = typeof text === "string" ? Number(text.replace(",", ".")) : text;
  if (typeof number !== "number" || !Number.isFinite(number) || number < field.min || number > field.max) return undefined;
  return field.kind === "integer" && !Number.isInteger(number) ? undefined : number;
}

/** Settings from stored JSON text; what can't be read is as at the beginning. */
export function parseSettings(text) {
  const settings = initialSettings();
  let stored;
  try {
    stored = JSON.parse(text ?? "{}");
  } catch {
    return settings;
  }

  for (const name of Object.keys(FIELDS)) {
    const value = Object.hasOwn(stored ?? {}, name) ? read(name, stored[name]) : undefined;
    if (value !== undefined) settings[name] = value;
  }

  return settings;
}

/** The fields of a request that follow from the settings. */
export function requestFields(settings, chat) {
  const fields = {};
  for (const [name, field] of Object.entries(FIELDS)) {
    if (field.request && settings[name] !== null && !(name === "n" && settings.n === 1)) fields[field.request] = settings[name];
  }

  if (settings.json && chat) fields.response_format = { type: "json_object" };
  return fields;
}
