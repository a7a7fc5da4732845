// Lets Hugging Face's own reader judge the GGUF files that `hadal convert` and `hadal quantize` write: every key and every tensor is
// compared with the folder that the file was made of, by rules written down here a second time, from llama.cpp's converter.
//
//   npm ci && node judge.mjs FOLDER...        each FOLDER a model in Hugging Face layout; HADAL may name the command
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { gguf, GGMLQuantizationType as Type } from "@huggingface/gguf";

const hadal = process.env.HADAL ?? resolve(import.meta.dirname, "../../../src/Hadal.Cli/bin/Release/net10.0/hadal");
const folders = process.argv.slice(2);
if (folders.length === 0) throw new Error("name one folder of a model or more");

let checks = 0;
function same(found, expected, what) {
  checks++;
  const plain = (value) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? Number(v) : v));
  if (plain(found) !== plain(expected)) throw new Error(`${what}: found ${plain(found)}, expected ${plain(expected)}`);
}

function near(found, expected, what) {
  checks++;
  if (!(Math.abs(Number(found) - expected) <= 1e-6 * Math.max(1, Math.abs(expected)))) throw new Error(`${what}: found ${found}, expected ${expected}`);
}

// The tensors of model.safetensors as F32.
function readFolder(folder) {
  const bytes = readFileSync(join(folder, "model.safetensors"));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length));
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const data = bytes.subarray(8 + length + entry.data_offsets[0], 8 + length + entry.data_offsets[1]);
    tensors.set(name, { shape: entry.shape, values: decode(entry.dtype, data) });
  }
  return tensors;
}

function decode(type, data) {
  if (type === "F32") return Float32Array.from({ length: data.length / 4 }, (_, i) => data.readFloatLE(4 * i));
  if (type === "BF16") {
    const view = new DataView(new ArrayBuffer(4));
    return Float32Array.from({ length: data.length / 2 }, (_, i) => (view.setUint32(0, data.readUInt16LE(2 * i) << 16), view.getFloat32(0)));
  }
  throw new Error(`no decoder here for ${type}`);
}

// What a file must hold, by name: its dimensions (the fastest first), its values, and whether it stays F32 whatever the type asked for.
function expectedTensors(config, folder) {
  const expected = new Map();
  const isDeepSeek = config.model_type.startsWith("deepseek");
  const add = (name, shape, values, alwaysF32 = false) => expected.set(name, { shape: [...shape].reverse(), values, alwaysF32 });
  const take = (name, to, alwaysF32) => {
    const tensor = folder.get(name);
    if (tensor) add(to, tensor.shape, tensor.values, alwaysF32 || tensor.shape.length === 1);
    return tensor !== undefined;
  };
  take("model.embed_tokens.weight", "token_embd.weight");
  take("model.norm.weight", "output_norm.weight");
  if (!config.tie_word_embeddings) take("lm_head.weight", "output.weight");
  for (let l = 0; l < config.num_hidden_layers; l++) {
    const [from, to] = [`model.layers.${l}`, `blk.${l}`];
    take(`${from}.input_layernorm.weight`, `${to}.attn_norm.weight`);
    take(`${from}.post_attention_layernorm.weight`, `${to}.ffn_norm.weight`);
    for (const [ours, theirs] of [["q_a_proj", "attn_q_a"], ["q_a_layernorm", "attn_q_a_norm"], ["q_b_proj", "attn_q_b"], ["kv_a_proj_with_mqa", "attn_kv_a_mqa"],
      ["kv_a_layernorm", "attn_kv_a_norm"], ["v_proj", "attn_v"], ["o_proj", "attn_output"]]) {
      for (const kind of ["weight", "bias"]) take(`${from}.self_attn.${ours}.${kind}`, `${to}.${theirs}.${kind}`);
    }
    for (const [ours, theirs, heads] of [["q_proj", "attn_q", config.num_attention_heads], ["k_proj", "attn_k", config.num_key_value_heads]]) {
      for (const kind of ["weight", "bias"]) {
        const tensor = folder.get(`${from}.self_attn.${ours}.${kind}`);
        if (tensor) add(`${to}.${theirs}.${kind}`, tensor.shape, config.model_type === "llama" ? permuted(tensor, heads) : tensor.values, kind === "bias");
      }
    }
    const up = folder.get(`${from}.self_attn.kv_b_proj.weight`);
    if (up) {
      const [h, n, v, r] = [config.num_attention_heads, config.qk_nope_head_dim, config.v_head_dim, config.kv_lora_rank];
      const keys = new Float32Array(h * r * n), values = new Float32Array(h * v * r);
      for (let head = 0; head < h; head++) {
        for (let j = 0; j < r; j++) {
          for (let i = 0; i < n; i++) keys[(head * r + j) * n + i] = up.values[(head * (n + v) + i) * r + j];
          for (let i = 0; i < v; i++) values[(head * v + i) * r + j] = up.values[(head * (n + v) + n + i) * r + j];
        }
      }
      add(`${to}.attn_k_b.weight`, [h, r, n], keys);
      add(`${to}.attn_v_b.weight`, [h, v, r], values);
    }
    for (const part of ["gate", "up", "down"]) {
      take(`${from}.mlp.${part}_proj.weight`, `${to}.ffn_${part}.weight`);
      take(`${from}.mlp.shared_experts.${part}_proj.weight`, `${to}.ffn_${part}_shexp.weight`);
      const first = folder.get(`${from}.mlp.experts.0.${part}_proj.weight`);
      if (!first) continue;
      const each = first.values.length, stack = new Float32Array(each * config.n_routed_experts);
      for (let e = 0; e < config.n_routed_experts; e++) stack.set(folder.get(`${from}.mlp.experts.${e}.${part}_proj.weight`).values, e * each);
      add(`${to}.ffn_${part}_exps.weight`, [config.n_routed_experts, ...first.shape], stack);
    }
    take(`${from}.mlp.gate.weight`, `${to}.ffn_gate_inp.weight`, true);
    take(`${from}.mlp.gate.e_score_correction_bias`, `${to}.exp_probs_b.bias`, true);
  }
  if (!isDeepSeek && config.rope_scaling?.rope_type === "llama3") expected.set("rope_freqs.weight", { shape: [headDim(config) / 2], values: null, alwaysF32: true });
  return expected;
}

const headDim = (config) => config.head_dim ?? config.hidden_size / config.num_attention_heads;

// w.reshape(heads, 2, dim / 2, columns).swapaxes(1, 2).reshape(w.shape)
function permuted({ shape, values }, heads) {
  const columns = shape.length === 1 ? 1 : shape[1], half = shape[0] / heads / 2, result = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let part = 0; part < 2; part++) {
      for (let i = 0; i < half; i++) {
        const from = (head * 2 * half + part * half + i) * columns, to = (head * 2 * half + 2 * i + part) * columns;
        result.set(values.subarray(from, from + columns), to);
      }
    }
  }
  return result;
}

function checkKeys(metadata, config, name) {
  const arch = config.model_type.startsWith("deepseek") ? "deepseek2" : config.model_type;
  const key = (rest) => metadata[`${arch}.${rest}`];
  same(metadata["general.architecture"], arch, `${name}: general.architecture`);
  for (const [rest, value] of Object.entries({
    block_count: config.num_hidden_layers, context_length: config.max_position_embeddings, embedding_length: config.hidden_size,
    feed_forward_length: config.intermediate_size, "attention.head_count": config.num_attention_heads, vocab_size: config.vocab_size,
  })) same(key(rest), value, `${name}: ${rest}`);
  near(key("attention.layer_norm_rms_epsilon"), config.rms_norm_eps, `${name}: epsilon`);
  near(key("rope.freq_base"), config.rope_theta, `${name}: freq_base`);
  if (arch !== "deepseek2") {
    same(key("attention.head_count_kv"), config.num_key_value_heads, `${name}: head_count_kv`);
    same(key("rope.dimension_count"), headDim(config), `${name}: dimension_count`);
    return;
  }
  for (const [rest, value] of Object.entries({
    "attention.head_count_kv": 1, "attention.q_lora_rank": config.q_lora_rank ?? 0, "attention.kv_lora_rank": config.kv_lora_rank,
    "attention.key_length": config.kv_lora_rank + config.qk_rope_head_dim, "attention.value_length": config.kv_lora_rank,
    "attention.key_length_mla": config.qk_nope_head_dim + config.qk_rope_head_dim, "attention.value_length_mla": config.v_head_dim,
    "rope.dimension_count": config.qk_rope_head_dim, leading_dense_block_count: config.first_k_dense_replace, expert_count: config.n_routed_experts,
    expert_used_count: config.num_experts_per_tok, expert_shared_count: config.n_shared_experts, expert_feed_forward_length: config.moe_intermediate_size,
    expert_gating_func: config.scoring_func === "sigmoid" ? 2 : 1, expert_weights_norm: config.norm_topk_prob,
  })) same(key(rest), value, `${name}: ${rest}`);
  near(key("expert_weights_scale"), config.routed_scaling_factor, `${name}: expert_weights_scale`);
  if (config.rope_scaling?.type === "yarn" && config.rope_scaling.mscale === config.rope_scaling.mscale_all_dim) {
    near(key("rope.scaling.yarn_log_multiplier"), 0.1 * config.rope_scaling.mscale_all_dim, `${name}: yarn_log_multiplier`);
    same(key("rope.scaling.attn_factor"), undefined, `${name}: attn_factor`);
  }
}

const rowTypes = { [Type.F32]: [1, 4], [Type.F16]: [1, 2], [Type.BF16]: [1, 2], [Type.Q8_0]: [32, 34], [Type.Q4_0]: [32, 18], [Type.Q4_K]: [256, 144], [Type.Q6_K]: [256, 210] };

async function judge(path, config, folder, type) {
  const { metadata, tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
  same(metadata.version, 3, `${path}: version`);
  checkKeys(metadata, config, path);
  const expected = expectedTensors(config, folder), bytes = readFileSync(path);
  same(tensorInfos.map((t) => t.name).sort(), [...expected.keys()].sort(), `${path}: names of tensors`);
  for (const info of tensorInfos) {
    const { shape, values, alwaysF32 } = expected.get(info.name), what = `${path}: ${info.name}`;
    same(info.shape, shape, `${what}: shape`);
    const [block, size] = rowTypes[info.dtype] ?? [], elements = shape.reduce((a, b) => a * b, 1);
    same(block !== undefined && shape[0] % block === 0, true, `${what}: whole blocks of type ${info.dtype}`);
    if (alwaysF32) same(info.dtype, Type.F32, `${what}: type`);
    const start = Number(tensorDataOffset) + Number(info.offset), end = start + (elements / block) * size;
    same(start % 32 === 0 && end <= statSync(path).size, true, `${what}: its place`);
    if (info.dtype !== Type.F32 || values === null) continue;
    for (let i = 0; i < elements; i++) {
      if (bytes.readFloatLE(start + 4 * i) !== values[i]) throw new Error(`${what}[${i}]: found ${bytes.readFloatLE(start + 4 * i)}, expected ${values[i]}`);
    }
    checks += elements;
  }
  if (type !== Type.F32) same(tensorInfos.some((t) => t.dtype === type), true, `${path}: a tensor of type ${type}`);
}

const work = mkdtempSync(join(tmpdir(), "hadal-gguf-"));
try {
  for (const folder of folders) {
    const config = JSON.parse(readFileSync(join(folder, "config.json"))), tensors = readFolder(folder);
    for (const type of ["F32", "F16", "BF16"]) {
      const path = join(work, `${basename(resolve(folder))}-${type}.gguf`);
      execFileSync(hadal, ["convert", folder, path, "--type", type], { stdio: ["ignore", "ignore", "pipe"] });
      await judge(path, config, tensors, Type[type]);
    }
    for (const type of ["Q8_0", "Q4_0", "Q4_K", "Q6_K"]) {
      const path = join(work, `${basename(resolve(folder))}-${type}.gguf`);
      execFileSync(hadal, ["quantize", folder, "--type", type, "--output", path], { stdio: ["ignore", "ignore", "pipe"] });
      await judge(path, config, tensors, Type[type === "Q4_K" || type === "Q6_K" ? "Q8_0" : type]); // rows of 64: K types fall back
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`${folders.length} models in 7 types each.\n${checks} passed, 0 failed`);
