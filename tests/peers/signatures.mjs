// Which webhooks are believed: our drivers and the vendors' own verifiers over the same thousands of cases.
//
//   node signatures.mjs FOLDER [SEED]     FOLDER: with DRIVER_verify in it (verify.c) and node_modules with `stripe` and `chargebee`
//
// Stripe signs and verifies with its own SDK, Chargebee verifies with its own. Recurly's clients that verify are for Ruby and Go only,
// so its published algorithm is written here once more, over node's own HMAC, and checked with the vector of Recurly's own tests. Zuora and
// Kill Bill publish no verifier: what their settings promise is written here.
//
// A verdict must be the same, but for what is named here: `stricter` kinds, where we may refuse what the vendor's verifier lets pass
// (a signature from the future, always refused; headers no sender writes), and `looser` ones, where a space, the case of HTTP's own words or
// an empty value beside a good one means nothing.
import { createHmac, timingSafeEqual } from "node:crypto";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const folder = resolve(process.argv[2]);
const seed = Number(process.argv[3] ?? 20261122);
const require = createRequire(folder + "/");
const { webhooks } = new (require("stripe").default ?? require("stripe"))("sk_test_fake");
const { basicAuthValidator } = require("chargebee");

const NOW = 1793000000000;
const SECOND = 1000;
let state = seed >>> 0;
function random(n) {
  state = (state + 0x6d2b79f5) >>> 0;
  let x = Math.imul(state ^ (state >>> 15), state | 1);
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
  return ((x ^ (x >>> 14)) >>> 0) % n;
}
const pick = (list) => list[random(list.length)];
const hex = (value) => Buffer.from(value, typeof value === "string" ? "latin1" : undefined).toString("hex");
const hmac = (key, ...parts) => parts.reduce((mac, part) => mac.update(part), createHmac("sha256", key)).digest();

function word(length, letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") {
  return Array.from({ length }, () => pick(letters)).join("");
}

function event() {
  const text = pick(["", "Zoë & Söhne", "価格", "line\nbreak \"quoted\" \\", word(random(3000))]);
  const body = { id: "evt_" + word(14), object: "event", created: 1793000000, type: "invoice.payment_failed", data: { object: { id: "in_1", text } } };
  return Buffer.from(random(2) ? JSON.stringify(body) : JSON.stringify(body, null, 2));
}

// Every byte with one bit turned; what HTTP would not carry in a header is left out there.
function* flipped(bytes, isHeader) {
  for (let i = 0; i < bytes.length; i++) {
    const copy = Buffer.from(bytes);
    copy[i] ^= 1 << random(8);
    if (!isHeader || (copy[i] >= 0x20 && copy[i] !== 0x7f)) yield copy;
  }
}

class Suite {
  constructor(driver, config, header, verdict) {
    Object.assign(this, { driver, config, header, verdict, cases: [] });
  }
  add(kind, value, body, now = NOW, rule = "same") {
    this.cases.push({ kind, value: Buffer.from(value, "latin1"), body: Buffer.from(body), now, rule });
  }
  flips(value, body) {
    for (const copy of flipped(Buffer.from(value, "latin1"), true)) this.add("a byte of the header", copy, body, NOW, "flip");
    for (const copy of flipped(body)) this.add("a byte of the body", value, copy);
  }
  ours() {
    const lines = this.cases.map(({ value, body, now }) => {
      const given = this.header ? { [this.header]: hex(value) } : {};
      return JSON.stringify({ now_ms: now, headers: given, query: this.header ? {} : { secret: hex(value) }, body: hex(body) });
    });
    const ran = spawnSync(`${folder}/${this.driver}_verify`, [JSON.stringify(this.config)], { input: lines.join("\n") + "\n", maxBuffer: 1 << 28 });
    const said = ran.stdout.toString().trimEnd().split("\n");
    if (ran.status !== 0 || said.length !== lines.length) throw new Error(`${this.driver}_verify: ${ran.stderr} (${said.length} of ${lines.length})`);
    return said;
  }
  async run() {
    const said = this.ours();
    const counts = { good: 0, denied: 0, differ: 0 };
    for (const [i, c] of this.cases.entries()) {
      const ours = said[i] === "good";
      const theirs = await this.verdict(c.value.toString("latin1"), c.body, c.now);
      const fine = ours === theirs || (c.rule === "stricter" && theirs) || (c.rule === "looser" && ours) || (c.rule === "flip" && this.forgives?.(c, ours));
      counts[ours ? "good" : "denied"]++;
      if (fine && !(c.kind === "signed in the future" && ours)) continue;
      counts.differ++;
      if (counts.differ <= 5) console.log(`FAIL: ${this.driver}: ${c.kind}: we say ${said[i]}, the vendor ${theirs ? "good" : "denied"}: ${c.value.toString("latin1")} ${c.now}`);
    }
    console.log(`${this.driver}: ${counts.good} believed, ${counts.denied} refused, ${counts.differ} judged differently`);
    if (counts.good < this.least || counts.denied < this.least) throw new Error(`${this.driver}: too few of one kind to show anything`);
    return counts.differ;
  }
}

function stripe(secret) {
  const sign = (body, at = NOW, key = secret) => webhooks.generateTestHeaderString({ payload: body.toString(), secret: key, timestamp: at / SECOND });
  const suite = new Suite("stripe", { webhook_secret: secret }, "Stripe-Signature", (value, body, now) => {
    try {
      webhooks.constructEvent(body, value, secret, undefined, undefined, now);
      return true;
    } catch {
      return false; // mostly StripeSignatureVerificationError; at a "v1" without a value it stumbles, whatever else is there
    }
  });
  suite.least = 200;
  for (let i = 0; i < 250; i++) {
    const body = event();
    suite.add("good", sign(body), body);
    suite.add("another secret", sign(body, NOW, pick([secret + "x", secret.slice(1), secret.toUpperCase() + "1", word(30)])), body);
    suite.add("another event's body", sign(body), event());
    suite.add("cut off", sign(body), body.subarray(0, body.length - 1));
    // After a secret was rolled: several v1, ours among them or not, and signatures of other schemes.
    const own = sign(body).split(",")[1];
    const others = Array.from({ length: random(5) }, () => pick([`v1=${word(64, "0123456789abcdef")}`, sign(body, NOW, word(30)).split(",")[1],
      own.replace("v1", "v0"), `v1=${own.slice(3, 40)}`, "v2=1", "other"]));
    const all = random(3) ? [...others, own] : others;
    suite.add("several v1", ["t=" + NOW / SECOND, ...all.sort(() => random(3) - 1)].join(","), body);
  }
  for (let i = 0; i < 3; i++) {
    const body = event().subarray(0, 700);
    suite.flips(sign(body), body);
  }
  for (const seconds of [-1e6, -3600, -301, -300, -299, -1, 0, 1, 60, 299, 300]) {
    const body = event();
    suite.add("old and new", sign(body, NOW + seconds * SECOND), body);
  }
  for (const seconds of [301, 3600, 1e6]) {
    const body = event();
    suite.add("signed in the future", sign(body, NOW + seconds * SECOND), body, NOW, "stricter");
  }
  const body = event(), header = sign(body), [t, v1] = header.split(",");
  for (const odd of [t, v1, ",", "=", "t=,v1=", `${v1},${t}`, `${t},${v1},`, `,${header}`, `t=1,${header}`, `${header},t=1`, `${t}.0,${v1}`, `t=+${t.slice(2)},${v1}`,
    `${t} ,${v1}`, `${t},${v1}=`, `${t},${v1.toUpperCase()}`, `${t},v1=${v1.slice(3).toUpperCase()}`, header.replace("t=", "T="), header.replaceAll("=", ":"),
    `t=0x6adf0e00,${v1}`, `t=-1,${v1}`, `${t},v1=${v1.slice(3)}0`, `t=9999999999999999999,${v1}`])
    suite.add("odd header", odd, body, NOW, "stricter");
  suite.add("a space after the comma", `${t}, ${v1}`, body, NOW, "looser");
  for (const empty of ["v1", "v1="]) suite.add("an empty v1 beside a good one", `${t},${empty},${v1}`, body, NOW, "looser");
  suite.add("nothing", "", body);
  return suite;
}

// docs.recurly.com, "Signature verification": the time in milliseconds, then one or more HMAC-SHA256 in hex over "TIME.BODY".
function recurlyBelieves(secret, value, body, now) {
  const [time, ...given] = value.split(",");
  if (!/^[0-9]+$/.test(time) || Math.abs(now - Number(time)) > 300 * SECOND) return false;
  const expected = Buffer.from(hmac(secret, time + ".", body).toString("hex"));
  return given.some((one) => one.length === expected.length && timingSafeEqual(Buffer.from(one, "latin1"), expected));
}

function recurly(secret) {
  const own = (body, at = NOW, key = secret) => hmac(key, at + ".", body).toString("hex");
  const sign = (body, at = NOW, key = secret) => `${at},${own(body, at, key)}`;
  const suite = new Suite("recurly", { webhook_secret: secret }, "recurly-signature", (...all) => recurlyBelieves(secret, ...all));
  suite.least = 200;
  for (let i = 0; i < 250; i++) {
    const body = event();
    suite.add("good", sign(body), body);
    suite.add("another secret", sign(body, NOW, word(64, "0123456789abcdef")), body);
    suite.add("another event's body", sign(body), event());
    const others = Array.from({ length: random(4) }, () => pick([word(64, "0123456789abcdef"), "de1ec7ab1e", own(body, NOW, word(20)), ""]));
    suite.add("several signatures", [NOW, ...[...others, ...(random(3) ? [own(body)] : [])].sort(() => random(3) - 1)].join(","), body);
  }
  for (let i = 0; i < 3; i++) {
    const body = event().subarray(0, 700);
    suite.flips(sign(body), body);
  }
  for (const ms of [-1e9, -300001, -300000, -299999, -1, 0, 1, 299999, 300000, 300001, 1e9]) {
    const body = event();
    suite.add("old and new", sign(body, NOW + ms), body);
  }
  const body = event();
  for (const odd of [`${NOW}`, `${NOW},`, own(body), `abc,${own(body)}`, `-${sign(body)}`, sign(body).toUpperCase(), `,${sign(body)}`, `${sign(body)}0`])
    suite.add("odd header", odd, body);
  suite.add("a space after the comma", sign(body).replace(",", ", "), body, NOW, "looser");
  suite.add("seconds, as in the sample of Recurly's page", sign(body, NOW / SECOND), body, NOW, "looser");
  return suite;
}

// The one signature that Recurly publishes whole, in the tests of its Ruby client.
function recurlyVector() {
  const secret = "354fab5bd35f5a0d50845ee7e30165244468b13c2c343f104e4e730a59326d9d", at = 1663103925004;
  const value = `${at},ad24699f3beaa24c9af2cc7ada3ce4c835da0090194241b9d3add83d27f14bc3`;
  const body = '{"id":"rjxwmwedwqug","object_type":"account","site_id":"qc326l1hl8k9","event_type":"created",' +
    '"event_time":"2022-09-13T21:18:40Z","account_code":"adfas23zzz14123"}';
  const suite = new Suite("recurly", { webhook_secret: secret }, "recurly-signature", (given, bytes, now) => given === value && bytes.equals(Buffer.from(body)) && now - at <= 300000);
  suite.least = 2;
  suite.add("Recurly's vector", value, body, at);
  suite.add("Recurly's vector, five minutes later", value, body, at + 300000);
  suite.add("Recurly's vector, too late", value, body, at + 300001);
  suite.add("Recurly's vector, another body", value, "{}", at);
  for (const copy of flipped(Buffer.from(value), true)) suite.add("Recurly's vector, damaged", copy, body, at);
  return suite;
}

const basic = (user, password) => "Basic " + Buffer.from(`${user}:${password}`).toString("base64");
// The vendor decodes what is not quite base64, and a word's case means nothing in HTTP: neither lets anybody in who does not know the password.
const samePassword = (user, password) => (c, ours) => !ours || (c.value.toString("latin1").slice(0, 6).toLowerCase() === "basic " &&
  Buffer.from(c.value.toString("latin1").slice(6), "base64").toString() === `${user}:${password}`);

function passwords(suite, user, password, body) {
  suite.least = 30;
  suite.forgives = samePassword(user, password);
  for (let i = 0; i < 100; i++) {
    suite.add("good", basic(user, password), event());
    suite.add("another password", basic(user, pick([password + "x", password.slice(1), "", word(20)])), body);
    suite.add("another user", basic(pick([user + "x", user.slice(1), "", word(9)]), password), body);
  }
  for (let i = 0; i < 5; i++)
    for (const copy of flipped(Buffer.from(basic(user, password)), true)) suite.add("a byte of the header", copy, body, NOW, "flip");
  for (const odd of ["", "Basic", "Basic ", "Basic :", "Bearer " + basic(user, password).slice(6), basic(user, password).slice(6), basic(password, user)])
    suite.add("odd header", odd, body);
  suite.add("two spaces", basic(user, password).replace(" ", "  "), body, NOW, "looser");
  return suite;
}

function chargebee(user, password) {
  const validate = basicAuthValidator((u, p) => u === user && p === password);
  const verdict = (value) => validate({ authorization: value }).then(() => true, () => false);
  return passwords(new Suite("chargebee", { webhook_user: user, webhook_password: password }, "Authorization", verdict), user, password, event());
}

function zuoraBasic(user, password) {
  const verdict = (value) => value === basic(user, password);
  return passwords(new Suite("zuora", { webhook_user: user, webhook_password: password, webhook_secret: "" }, "Authorization", verdict), user, password, event());
}

// What a callout template with HMAC-SHA256 over {{Request.Body}} sends, in HEX or in BASE64.
function zuoraMac(secret) {
  const verdict = (value, body) => {
    const mac = hmac(secret, body);
    return value === mac.toString("base64") || (/^[0-9a-fA-F]{64}$/.test(value) && Buffer.from(value, "hex").equals(mac));
  };
  const suite = new Suite("zuora", { webhook_secret: secret, webhook_header: "X-Callout-Mac" }, "X-Callout-Mac", verdict);
  suite.least = 200;
  for (let i = 0; i < 200; i++) {
    const body = event(), form = pick(["hex", "base64"]);
    suite.add("good", hmac(secret, body).toString(form), body);
    suite.add("another secret", hmac(secret + "x", body).toString(form), body);
    suite.add("another event's body", hmac(secret, body).toString(form), event());
  }
  for (const form of ["hex", "base64"]) {
    const body = event().subarray(0, 700);
    suite.flips(hmac(secret, body).toString(form), body);
  }
  return suite;
}

function killbill(secret) {
  const suite = new Suite("killbill", { webhook_secret: secret }, null, (value) => value === secret);
  suite.least = 20;
  for (let i = 0; i < 50; i++) {
    suite.add("good", secret, event());
    suite.add("another secret", pick([secret + "x", secret.slice(1), word(secret.length), "", secret.toUpperCase()]), event());
  }
  for (const copy of flipped(Buffer.from(secret), true)) suite.add("a byte of the secret", copy, event());
  return suite;
}

console.log(`seed ${seed}`);
let differ = 0, cases = 0;
for (const suite of [stripe("whsec_" + word(32)), stripe("fake"), recurly(word(64, "0123456789abcdef")), recurlyVector(), chargebee("hooks", "fake:with:colons"),
  chargebee("dunwell", word(40)), zuoraBasic("zuora", word(30)), zuoraMac(word(40)), killbill(word(40))]) {
  differ += await suite.run();
  cases += suite.cases.length;
}
console.log(`${cases} webhooks, ${differ} judged differently`);
process.exitCode = differ === 0 ? 0 : 1;
