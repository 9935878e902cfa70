// SPDX-License-Identifier: Apache-2.0
//
// HPKE beside npm's @hpke/core, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, modes base and PSK.
//   node tests/parity/hpke.mjs [O]         both directions live, TAP on stdout; builds $O/tests/parity/hpke_peer
//   node tests/parity/hpke.mjs --golden    prints tests/crypto/golden_hpke.h
// Packages are found in build/parity/node_modules (tests/parity/package.json names them).
import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const require = createRequire(join(root, "build", "parity", "package.json"));
const { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } = require("@hpke/core");
const version = require("@hpke/core/package.json").version;

const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
const bytes = (b) => new Uint8Array(b).buffer;
const hex = (b) => Buffer.from(b).toString("hex");
const word = (b) => (b.length === 0 ? "-" : hex(b));

// Bytes for the golden cases: fixed, so that the file can be made again.
const fixed = (label, size) => {
  const out = [];
  for (let i = 0; out.length * 32 < size; i++)
    out.push(createHash("sha256").update(`sealwright hpke golden ${label} ${i}`).digest());
  return Buffer.concat(out).subarray(0, size);
};

const keyPair = async (ikm) => {
  const pair = await suite.kem.deriveKeyPair(bytes(ikm));
  return {
    pair,
    secret: Buffer.from(await suite.kem.serializePrivateKey(pair.privateKey)),
    public: Buffer.from(await suite.kem.serializePublicKey(pair.publicKey)),
  };
};

const params = (c) => ({
  info: bytes(c.info),
  ...(c.psk.length ? { psk: { id: bytes(c.pskId), key: bytes(c.psk) } } : {}),
});

const sealTheirs = async (c, to, ikmE) => {
  const ekm = ikmE ? { ekm: await suite.kem.deriveKeyPair(bytes(ikmE)) } : {};
  const ctx = await suite.createSenderContext({
    recipientPublicKey: to.pair.publicKey, ...params(c), ...ekm,
  });
  return { enc: Buffer.from(ctx.enc), sealed: Buffer.from(await ctx.seal(bytes(c.plain), bytes(c.aad))) };
};

const openTheirs = async (c, to, enc, sealed) => {
  const ctx = await suite.createRecipientContext({
    recipientKey: to.pair.privateKey, enc: bytes(enc), ...params(c),
  });
  return Buffer.from(await ctx.open(bytes(sealed), bytes(c.aad)));
};

// info, psk, psk_id, aad and plain sizes; psk 0 is mode base.
const sizes = [
  [0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [20, 0, 0, 7, 32], [300, 0, 0, 0, 100], [1, 0, 0, 1000, 0],
  [0, 32, 1, 0, 32], [20, 32, 22, 7, 29], [200, 32, 64, 0, 32], [255, 64, 32, 33, 4096], [1, 100, 3, 1, 0],
];
const makeCase = (source, i) => {
  const [info, psk, pskId, aad, plain] = sizes[i % sizes.length];
  return {
    info: source(`info ${i}`, info), psk: source(`psk ${i}`, psk), pskId: source(`psk_id ${i}`, pskId),
    aad: source(`aad ${i}`, aad), plain: source(`plain ${i}`, plain),
  };
};

const golden = async () => {
  const rows = [];
  for (let i = 0; i < sizes.length; i++) {
    const c = makeCase(fixed, i);
    const ikmE = fixed(`ikmE ${i}`, 32);
    const ikmR = fixed(`ikmR ${i}`, 32);
    const to = await keyPair(ikmR);
    const { enc, sealed } = await sealTheirs(c, to, ikmE);
    const fields = [ikmE, ikmR, to.secret, to.public, enc, c.info, c.psk, c.pskId, c.aad, c.plain, sealed];
    const lines = fields.map((f) => `     "${hex(f).replace(/(.{88})(?=.)/g, '$1"\n     "')}"`);
    rows.push(`    {\n${lines.join(",\n")}},`);
  }
  console.log(`/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by \`node tests/parity/hpke.mjs --golden\` with @hpke/core ${version}. Do not edit.
 * DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; an empty psk is mode base.
 */
#ifndef SW_TESTS_GOLDEN_HPKE_H
#define SW_TESTS_GOLDEN_HPKE_H

typedef struct golden_hpke {
    const char *ikm_e, *ikm_r, *secret_r, *public_r, *enc, *info, *psk, *psk_id, *aad, *plain,
        *sealed; /* hex */
} golden_hpke;

/* clang-format off */
static const golden_hpke golden_hpke_cases[] = {
${rows.join("\n")}
};
/* clang-format on */

#endif`);
};

const live = async (O) => {
  const program = join(O, "tests", "parity", "hpke_peer");
  execFileSync("make", ["-s", `O=${O}`, program], { cwd: root, stdio: ["ignore", 2, 2] });
  const peer = spawn(join(root, program), { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  const ask = async (...words) => {
    peer.stdin.write(words.map((w) => (typeof w === "string" ? w : word(w))).join(" ") + "\n");
    return (await lines.next()).value;
  };
  const random = (_, size) => randomBytes(size);
  const rounds = 5 * sizes.length;
  let number = 0, failed = 0;
  const check = (good, name) => {
    failed += good ? 0 : 1;
    console.log(`${good ? "ok" : "not ok"} ${++number} - ${name}`);
  };
  console.log(`# @hpke/core ${version}, node ${process.version}`);
  for (let i = 0; i < rounds; i++) {
    const c = makeCase(random, i);
    const ikmR = randomBytes(32), ikmE = randomBytes(32);
    const to = await keyPair(ikmR);
    const rest = [c.info, c.psk, c.pskId, c.aad];
    const theirs = await sealTheirs(c, to, null);
    check((await ask("open", to.secret, theirs.enc, ...rest, theirs.sealed)) === word(c.plain),
      `${i}: we open what @hpke/core sealed`);
    const [enc, sealed] = (await ask("seal", to.public, ...rest, c.plain)).split(" ");
    const opened = await openTheirs(c, to, Buffer.from(enc, "hex"), Buffer.from(sealed, "hex")).catch(() => null);
    check(opened !== null && opened.equals(c.plain), `${i}: @hpke/core opens what we sealed`);
    const same = await sealTheirs(c, to, ikmE);
    check((await ask("from", ikmE, to.public, ...rest, c.plain)) === `${hex(same.enc)} ${hex(same.sealed)}`,
      `${i}: one ephemeral key, the same bytes`);
    const bent = Buffer.from(theirs.sealed);
    bent[randomBytes(1)[0] % bent.length] ^= 1 << (i % 8);
    check((await ask("open", to.secret, theirs.enc, ...rest, bent)) === "refused", `${i}: a flipped bit is refused`);
  }
  console.log(`1..${number}`);
  peer.stdin.end();
  process.exitCode = failed === 0 ? 0 : 1;
};

if (process.argv[2] === "--golden") await golden();
else await live(process.argv[2] ?? process.env.O ?? "build/release");
