// Checks a finished `hadal quickstart` from its files alone: evaluates every answer again, exactly, with a parser of its own, counts what
// each model solved and how its votes come out, and compares all of it with the marks in transcripts.jsonl and the figures in summary.json.
// usage: node check.mjs FOLDER
import { readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
let passed = 0, failed = 0;
const check = (holds, what) => {
  if (holds) passed++;
  else { failed++; console.error(`failed: ${what}`); }
};
const lines = name => readFileSync(join(folder, name), 'utf8').split('\n').filter(line => line.length > 0).map(line => JSON.parse(line));

// Fractions of BigInt, and expressions by recursive descent.
const fraction = (n, d = 1n) => (d < 0n ? { n: -n, d: -d } : { n, d });
function evaluate(text) {
  let at = 0;
  const numbers = [];
  const skip = () => { while (text[at] === ' ') at++; };
  const take = set => { skip(); return at < text.length && set.includes(text[at]) ? text[at++] : null; };
  function primary() {
    if (take('(')) {
      const inner = sum();
      if (!take(')')) throw new Error('no )');
      return inner;
    }
    const found = /^\d+/.exec(text.slice(at));
    if (!found || (found[0].length > 1 && found[0][0] === '0')) throw new Error('no number');
    at += found[0].length;
    numbers.push(Number(found[0]));
    return fraction(BigInt(found[0]));
  }
  function product() {
    let value = primary();
    for (let sign; (sign = take('*/'));) {
      const other = primary();
      if (sign === '/' && other.n === 0n) throw new Error('division by zero');
      value = sign === '*' ? fraction(value.n * other.n, value.d * other.d) : fraction(value.n * other.d, value.d * other.n);
    }
    return value;
  }
  function sum() {
    let value = product();
    for (let sign; (sign = take('+-'));) {
      const other = product();
      value = fraction(value.n * other.d + (sign === '+' ? 1n : -1n) * other.n * value.d, value.d * other.d);
    }
    return value;
  }
  const value = sum();
  skip();
  if (at < text.length) throw new Error('something is left');
  return { value, numbers };
}

function solves(answer, numbers, target) {
  if (answer === undefined || answer === null) return false;
  try {
    const { value, numbers: used } = evaluate(answer);
    const left = [...numbers];
    for (const number of used) {
      const place = left.indexOf(number);
      if (place < 0) return false;
      left.splice(place, 1);
    }
    return value.n === BigInt(target) * value.d;
  } catch {
    return false;
  }
}

// The answer between the only pair of tags, behind the thoughts.
function answerOf(response) {
  const parts = response.split('<answer>');
  if (parts.length !== 2 || response.split('</answer>').length !== 2 || !parts[1].includes('</answer>')) return undefined;
  const closing = response.lastIndexOf('</think>');
  if (closing > response.indexOf('<answer>') || response.lastIndexOf('<think>') > closing) return undefined;
  return parts[1].split('</answer>')[0].trim();
}

const problems = lines('problems.jsonl');
const summary = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
const transcripts = lines('transcripts.jsonl');
check(existsSync(join(folder, 'report.html')), 'there is a report');
check(problems.length === summary.plan.problems, 'as many problems as planned');
check(new Set(problems.map(p => JSON.stringify([[...p.numbers].sort((a, b) => a - b), p.target]))).size === problems.length, 'no problem is there twice');
for (const p of problems) check(p.numbers.length === 3 && p.numbers.every(n => n >= 1 && n <= 30) && p.target >= 10 && p.target <= 100, `numbers and target of ${JSON.stringify(p)}`);

// No question, of the world's text or of what was sampled to train on, has a held-out set of numbers or a held-out target; blind searches, which have no
// numbers, neither.
const world = join(folder, '01-world', 'text.txt');
const key = numbers => numbers.map(Number).sort((a, b) => a - b).join(' ');
const words = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const readOut = target => String(target).split('').map(digit => words[digit]).join('.');
const sets = new Set(problems.map(p => key(p.numbers))), targets = new Set(problems.map(p => readOut(p.target)));
const place = String(summary.stages.findIndex(s => s.name === 'samples') + 1).padStart(2, '0');
const questions = [
  ...readFileSync(world, 'utf8').split('<|endoftext|>').map(text => text.split('\n')[0]),
  ...lines(join(`${place}-samples`, 'samples.jsonl')).map(example => example.messages[0].content),
];
let asked = 0, leaked = 0, blind = 0, unread = 0;
for (const question of questions) {
  const found = /^a(\d+) b(\d+) c(\d+)(?: =([a-z.]+))?$/.exec(question) ?? /^(a) (b) (c) =([a-z.]+)$/.exec(question);
  if (!found || (found[4] && !found[4].split('.').every(word => words.includes(word)))) {
    unread++;
    continue;
  }
  asked++;
  if (found[1] === 'a') blind++;
  if ((found[1] !== 'a' && sets.has(key(found.slice(1, 4)))) || targets.has(found[4])) leaked++;
}
check(unread === 0, `${unread} questions are of another form`);
check(asked > blind && blind > 0 && leaked === 0, `${leaked} of ${asked} questions trained on, ${blind} of them without numbers, have held-out numbers or targets`);

let wrong = 0;
for (const t of transcripts) {
  const answer = answerOf(t.response);
  if ((answer ?? null) !== (t.answer ?? null) || solves(answer, t.numbers, t.target) !== t.correct) {
    if (wrong++ < 5) console.error(`marked otherwise: ${JSON.stringify(t)}`);
  }
}
check(transcripts.length > 0 && wrong === 0, `${wrong} of ${transcripts.length} answers are marked otherwise`);

const near = (a, b) => Math.abs(a - b) < 1e-9;
for (const model of summary.models) {
  const mine = transcripts.filter(t => t.model === model.model);
  const greedy = mine.filter(t => t.temperature === 0), sampled = mine.filter(t => t.temperature === 1);
  check(greedy.length === model.problems && near(greedy.filter(t => t.correct).length / greedy.length, model.greedy), `${model.model}: solved greedily`);
  check(greedy.every((t, i) => t.target === problems[i].target && key(t.numbers) === key(problems[i].numbers)), `${model.model}: the problems of problems.jsonl`);
  check(near(greedy.reduce((all, t) => all + t.tokens, 0) / greedy.length, model.responseTokens), `${model.model}: tokens of a response`);
  check(sampled.length === model.voteProblems * model.samples && near(sampled.filter(t => t.correct).length / sampled.length, model.sampled), `${model.model}: samples solved`);
  for (const k of [1, 4, 16, 64]) {
    let right = 0;
    for (let p = 0; p < model.voteProblems; p++) {
      const votes = new Map();
      for (const t of sampled.slice(p * model.samples, p * model.samples + k)) {
        if (t.answer === undefined || t.answer === null) continue;
        const text = t.answer.replace(/\s/g, '');
        const entry = votes.get(text) ?? { count: 0, correct: t.correct };
        entry.count++;
        votes.set(text, entry);
      }
      const best = [...votes.values()].reduce((a, b) => (b.count > (a?.count ?? 0) ? b : a), null);
      if (best?.correct) right++;
    }
    check(near(right / model.voteProblems, model.vote[k]), `${model.model}: vote of ${k}`);
  }
}

for (const name of ['base', 'zero', 'tuned', 'student', 'distilled', 'student-zero', 'Q8_0', 'Q4_0']) check(summary.models.some(m => m.model === name), `${name} was scored`);
check(summary.findings.length >= 8 && summary.curves.some(c => c.stage === 'zero' && c.quantity === 'heldOutAccuracy' && c.value.length >= 2), 'findings and the curve');

// The report shows what the summary holds: the shares of every model stand on the page.
const page = readFileSync(join(folder, 'report.html'), 'utf8');
const shown = [...page.matchAll(/(\d+\.\d) %/g)].map(match => Number(match[1]));
for (const model of summary.models) check(shown.some(share => Math.abs(share - 100 * model.greedy) < 0.0501), `${model.model}: the page shows its share`);
for (const finding of summary.findings) check(page.includes(finding.name), `the page says: ${finding.name}`);
console.log(`${transcripts.length} answers evaluated again, ${asked} questions looked through`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
