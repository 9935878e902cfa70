// SPDX-License-Identifier: Apache-2.0
//
// Consent, run keys and the container, written a second time in JavaScript from docs/formats/{envelope,seal}.md alone: HPKE by npm's @hpke/core,
// everything else by node's crypto.
//   node tests/parity/sealing.mjs [O]               both directions live, TAP on stdout; builds $O/tests/parity/sealing_peer
//   node tests/parity/sealing.mjs --golden-consent    prints tests/seal/golden_consent.h
//   node tests/parity/sealing.mjs --golden-container  prints tests/seal/golden_container.h
// Packages are found in build/parity/node_modules (tests/parity/package.json names them).
import { execFileSync, spawn } from "node:child_process";
import crypto from "node:crypto";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const require = createRequire(join(root, "build", "parity", "package.json"));
const { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } = require("@hpke/core");
const version = require("@hpke/core/package.json").version;
const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

const hex = (b) => Buffer.from(b).toString("hex");
const exact = (b) => new Uint8Array(b).buffer;
const sha256 = (...parts) => crypto.createHash("sha256").update(Buffer.concat(parts.map((p) => Buffer.from(p)))).digest();
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
const fields = (...parts) => Buffer.concat(parts.flatMap((p) => [u32(Buffer.from(p).length), Buffer.from(p)]));
const hkdf = (ikm, salt, info, size) => Buffer.from(crypto.hkdfSync("sha256", ikm, salt, info, size));
const hkdfExpand = (prk, info) => crypto.createHmac("sha256", prk).update(info).update(Buffer.from([1])).digest();

// ---- keys and signatures ----
const N = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const keyPair = async () => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = privateKey.export({ format: "jwk" });
  const secret = Buffer.from(jwk.d, "base64url");
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(jwk.x, "base64url"), Buffer.from(jwk.y, "base64url")]);
  return { privateKey, publicKey, secret, point, id: sha256(point) };
};
const derInteger = (b) => {
  let v = Buffer.from(b);
  while (v.length > 1 && v[0] === 0) v = v.subarray(1);
  if (v[0] & 0x80) v = Buffer.concat([Buffer.from([0]), v]);
  return Buffer.concat([Buffer.from([2, v.length]), v]);
};
const signLow = (key, message) => {
  const raw = crypto.sign("sha256", message, { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  let s = BigInt("0x" + hex(raw.subarray(32)));
  if (s > N / 2n) s = N - s;
  const body = Buffer.concat([derInteger(raw.subarray(0, 32)), derInteger(Buffer.from(s.toString(16).padStart(64, "0"), "hex"))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
};
const verify = (key, message, der) => crypto.verify("sha256", message, key.publicKey, der);

// ---- envelopes ----
const typeOf = (kind) => `application/vnd.sealwright.${kind}.v1+json`;
const pae = (type, payload) => Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
const envelope = (kind, payload, key) => JSON.stringify({
  payload: payload.toString("base64"), payloadType: typeOf(kind),
  signatures: [{ keyid: hex(key.id), sig: signLow(key, pae(typeOf(kind), payload)).toString("base64") }],
});
const openEnvelope = (object, kind, key) => {
  const payload = Buffer.from(object.payload, "base64");
  const good = object.payloadType === typeOf(kind) && object.signatures.length === 1 && object.signatures[0].keyid === hex(key.id) &&
    verify(key, pae(typeOf(kind), payload), Buffer.from(object.signatures[0].sig, "base64"));
  if (!good) throw new Error("signature");
  return JSON.parse(payload);
};

// ---- consent ----
const hpkeParams = (c, owner, psk) => ({
  info: exact(fields("sealwright/wrap/v1", c.genesis, c.compose, owner.id, c.dataset)),
  psk: { id: exact(fields(c.genesis, owner.id)), key: exact(psk) },
});
const makeConsent = async (c, owner, rootKey, psk, dataKey) => {
  const recipientPublicKey = await suite.kem.deserializePublicKey(exact(rootKey.point));
  const sender = await suite.createSenderContext({ recipientPublicKey, ...hpkeParams(c, owner, psk) });
  const wrapped = Buffer.from(await sender.seal(exact(dataKey)));
  const common = {
    compose: hex(c.compose), dataset: hex(c.dataset), enc: hex(sender.enc), genesis: hex(c.genesis),
  };
  const tail = { owner: hex(owner.id), root_key_hash: hex(sha256(rootKey.point)) };
  const wrap = Buffer.from(JSON.stringify({ ...common, kind: "sealwright/wrap/v1", ...tail, wrapped_key: hex(wrapped) }));
  const shard = Buffer.from(JSON.stringify({ ...common, kind: "sealwright/shard/v1", ...tail, wrapped_key_hash: hex(sha256(wrapped)) }));
  return `{"consent":${envelope("consent", wrap, owner)},"kind":"sealwright/consent/v1","shard":${envelope("shard", shard, owner)}}`;
};
const openConsent = async (file, c, owner, rootKey, psk) => {
  const { consent, shard } = JSON.parse(file);
  const wrap = openEnvelope(consent, "consent", owner), word = openEnvelope(shard, "shard", owner);
  if (wrap.enc !== word.enc || word.wrapped_key_hash !== hex(sha256(Buffer.from(wrap.wrapped_key, "hex")))) throw new Error("halves");
  const recipientKey = await suite.kem.deserializePrivateKey(exact(rootKey.secret));
  const receiver = await suite.createRecipientContext({ recipientKey, enc: exact(Buffer.from(wrap.enc, "hex")), ...hpkeParams(c, owner, psk) });
  return Buffer.from(await receiver.open(exact(Buffer.from(wrap.wrapped_key, "hex"))));
};

// ---- container (kind dataset) ----
const CHUNK = 1 << 20;
const nonce = (i, last) => Buffer.concat([Buffer.alloc(3), u64(i), Buffer.from([last ? 1 : 0])]);
const merkle = (leaves) => {
  if (leaves.length === 1) return leaves[0];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Buffer.from([1]), merkle(leaves.slice(0, k)), merkle(leaves.slice(k)));
};
const sealContainer = (content, mediaType, rows, owner, dataKey, contentId) => {
  const rest = Buffer.concat([Buffer.from([0, 1, 0, 1, 1]), u32(CHUNK), contentId, owner.id, fields(mediaType)]);
  const body = Buffer.concat([Buffer.from("SWSEALED"), u32(12 + rest.length), rest]);
  const keys = hkdf(dataKey, contentId, fields("sealwright/chunks/v1", body), 64);
  const count = Math.max(1, Math.ceil(content.length / CHUNK));
  const chunks = [];
  for (let i = 0; i < count; i++) {
    const cipher = crypto.createCipheriv("aes-256-gcm", keys.subarray(0, 32), nonce(i, i + 1 === count));
    cipher.setAAD(sha256(body));
    const text = Buffer.concat([cipher.update(content.subarray(i * CHUNK, (i + 1) * CHUNK)), cipher.final()]);
    chunks.push(Buffer.concat([text, cipher.getAuthTag()]));
  }
  const tree = merkle(chunks.map((c) => sha256(Buffer.from([0]), c)));
  const trailer = Buffer.concat([Buffer.from("SWTRAILR"), u64(count), u64(rows), u64(content.length), tree]);
  const commitment = keys.subarray(32);
  const signature = signLow(owner, fields("sealwright/trailer/v1", body, commitment, trailer));
  const file = Buffer.concat([body, commitment, ...chunks, trailer, Buffer.from([signature.length]), signature, Buffer.alloc(72 - signature.length)]);
  return { file, id: sha256(fields("sealwright/dataset/v1", body, commitment, tree)) };
};
const unsealContainer = (file, owner, dataKey) => {
  const size = file.readUInt32BE(8), body = file.subarray(0, size), commitment = file.subarray(size, size + 32);
  const trailer = file.subarray(file.length - 137, file.length - 73), sealed = file.subarray(size + 32, file.length - 137);
  const keys = hkdf(dataKey, body.subarray(21, 53), fields("sealwright/chunks/v1", body), 64);
  if (!keys.subarray(32).equals(commitment)) throw new Error("commitment");
  const signature = file.subarray(file.length - 72, file.length - 72 + file[file.length - 73]);
  if (!verify(owner, fields("sealwright/trailer/v1", body, commitment, trailer), signature)) throw new Error("signature");
  const plain = [], leaves = [], count = Math.ceil(sealed.length / (CHUNK + 16));
  for (let i = 0; i < count; i++) {
    const chunk = sealed.subarray(i * (CHUNK + 16), (i + 1) * (CHUNK + 16));
    const decipher = crypto.createDecipheriv("aes-256-gcm", keys.subarray(0, 32), nonce(i, i + 1 === count));
    decipher.setAAD(sha256(body));
    decipher.setAuthTag(chunk.subarray(chunk.length - 16));
    plain.push(Buffer.concat([decipher.update(chunk.subarray(0, chunk.length - 16)), decipher.final()]));
    leaves.push(sha256(Buffer.from([0]), chunk));
  }
  if (!merkle(leaves).equals(trailer.subarray(32))) throw new Error("root");
  return { plain: Buffer.concat(plain), id: sha256(fields("sealwright/dataset/v1", body, commitment, merkle(leaves))), rows: Number(trailer.readBigUInt64BE(16)) };
};

// ---- golden files ----
const escape = (text) => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
const quote = (text) => (text.match(/[^]{1,100}/g) ?? [""]).map((part) => `"${escape(part)}"`).join("\n     ");
const head = (what, guard, made) => `/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by \`node tests/parity/sealing.mjs ${made}\` with @hpke/core ${version} and node ${process.version}. Do not edit.
 * ${what}
 */
#ifndef ${guard}
#define ${guard}
`;
const context = () => ({ genesis: crypto.randomBytes(32), compose: crypto.randomBytes(32), dataset: crypto.randomBytes(32) });

const goldenConsent = async () => {
  const rows = [], keys = [];
  for (let i = 0; i < 3; i++) {
    const c = context(), owner = await keyPair(), rootKey = await keyPair(), psk = crypto.randomBytes(32), dataKey = crypto.randomBytes(32);
    const file = await makeConsent(c, owner, rootKey, psk, dataKey);
    const bound = Buffer.concat([c.genesis, c.compose, owner.id, c.dataset]);
    const info = fields("sealwright/wrap/v1", c.genesis, c.compose, owner.id, c.dataset);
    rows.push(`    {${[hex(owner.point), hex(rootKey.secret), hex(psk), hex(bound), hex(info), hex(dataKey), file].map(quote).join(",\n     ")}},`);
  }
  for (const count of [1, 2, 3, 8]) {
    const dataKeys = crypto.randomBytes(32 * count), compose = crypto.randomBytes(32);
    const run = hkdf(dataKeys, compose, fields("sealwright/run/v1"), 32);
    const sub = ["checkpoint", "output", "noise", "commit"].map((l) => quote(hex(hkdfExpand(run, fields("sealwright/subkey/v1", l)))));
    keys.push(`    {${count}, ${[hex(dataKeys), hex(compose), hex(run)].map(quote).join(",\n     ")},\n     {${sub.join(",\n      ")}}},`);
  }
  console.log(`${head("Consents that @hpke/core wrapped and node signed; run keys by node's HKDF.", "SW_TESTS_GOLDEN_CONSENT_H", "--golden-consent")}
#include <stddef.h>

typedef struct golden_consent {
    const char *owner, *root_secret, *psk, *context, *info, *data_key; /* hex; context: G, X, owner, dataset */
    const char *file;
} golden_consent;
typedef struct golden_run_key {
    size_t count;
    const char *data_keys, *compose, *run_key, *subkeys[4]; /* checkpoint, output, noise, commit */
} golden_run_key;

/* clang-format off */
static const golden_consent golden_consents[] = {
${rows.join("\n")}
};
static const golden_run_key golden_run_keys[] = {
${keys.join("\n")}
};
/* clang-format on */

#endif`);
};

const goldenContainer = async () => {
  const rows = [];
  for (const [content, type, count] of [["", "application/octet-stream", 0], ['{"a":1}\n{"b":2}\n', "application/jsonl", 2], ["x".repeat(100), "text/plain", 0]]) {
    const owner = await keyPair(), dataKey = crypto.randomBytes(32);
    const { file, id } = sealContainer(Buffer.from(content), type, count, owner, dataKey, crypto.randomBytes(32));
    rows.push(`    {${[hex(owner.point), hex(dataKey), hex(id), content].map(quote).join(",\n     ")},\n     ${quote(type)}, ${count},\n     ${quote(hex(file))}},`);
  }
  console.log(`${head("Dataset containers sealed by node's crypto.", "SW_TESTS_GOLDEN_CONTAINER_H", "--golden-container")}
#include <stdint.h>

typedef struct golden_container {
    const char *owner, *data_key, *id; /* hex */
    const char *content, *media_type;
    uint64_t rows;
    const char *file; /* hex */
} golden_container;

/* clang-format off */
static const golden_container golden_containers[] = {
${rows.join("\n")}
};
/* clang-format on */

#endif`);
};

// ---- live ----
const live = async (O) => {
  const program = join(O, "tests", "parity", "sealing_peer");
  execFileSync("make", ["-s", `O=${O}`, ...(process.env.ROOMS ? [`ROOMS=${process.env.ROOMS}`] : []), program], { cwd: root, stdio: ["ignore", 2, 2] });
  const peer = spawn(join(root, program), { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  const ask = async (word, ...rest) => {
    peer.stdin.write([word, ...rest.map((b) => hex(b) || "-")].join(" ") + "\n");
    const answer = (await lines.next()).value;
    return answer === "refused" ? null : Buffer.from(answer === "-" ? "" : answer, "hex");
  };
  let number = 0, failed = 0;
  const check = (good, name) => {
    failed += good ? 0 : 1;
    console.log(`${good ? "ok" : "not ok"} ${++number} - ${name}`);
  };
  console.log(`# @hpke/core ${version}, node ${process.version}`);
  for (let i = 0; i < 10; i++) {
    const c = context(), owner = await keyPair(), rootKey = await keyPair(), psk = crypto.randomBytes(32), dataKey = crypto.randomBytes(32);
    const bound = Buffer.concat([c.genesis, c.compose, owner.id, c.dataset]);
    const theirs = Buffer.from(await makeConsent(c, owner, rootKey, psk, dataKey));
    check((await ask("open", owner.point, rootKey.secret, psk, bound, theirs))?.equals(dataKey), `${i}: we open the consent that @hpke/core wrapped`);
    const ours = await ask("make", owner.secret, rootKey.point, psk, bound, dataKey);
    const opened = await openConsent(ours.toString(), c, owner, rootKey, psk).catch(() => null);
    check(opened !== null && opened.equals(dataKey), `${i}: @hpke/core opens the consent that we wrapped`);
    const other = Buffer.from(bound);
    other[crypto.randomInt(other.length)] ^= 1 << (i % 8);
    check((await ask("open", owner.point, rootKey.secret, psk, other, theirs)) === null, `${i}: another context opens nothing`);
  }
  for (const size of [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5]) {
    const owner = await keyPair(), dataKey = crypto.randomBytes(32), content = crypto.randomBytes(size);
    const theirs = sealContainer(content, "application/octet-stream", 0, owner, dataKey, crypto.randomBytes(32));
    check((await ask("unseal", owner.point, dataKey, theirs.id, theirs.file))?.equals(content), `${size} bytes: we unseal what node sealed`);
    const ours = await ask("seal", owner.secret, content);
    const key = ours.subarray(0, 32), id = ours.subarray(32, 64);
    let opened = null;
    try { opened = unsealContainer(ours.subarray(64), owner, key); } catch { /* refused */ }
    check(opened !== null && opened.plain.equals(content) && opened.id.equals(id), `${size} bytes: node unseals what we sealed`);
  }
  console.log(`1..${number}`);
  peer.stdin.end();
  process.exitCode = failed === 0 ? 0 : 1;
};

if (process.argv[2] === "--golden-consent") await goldenConsent();
else if (process.argv[2] === "--golden-container") await goldenContainer();
else await live(process.argv[2] ?? process.env.O ?? "build/release");
