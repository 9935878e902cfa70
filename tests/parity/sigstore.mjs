// SPDX-License-Identifier: Apache-2.0
//
// npm's @sigstore/bundle and @sigstore/verify over one bundle, in public-key mode: sigstore.mjs BUNDLE KEY.pem
// Prints `verified`, or the error that they gave; used by opened.py. Packages are found in build/parity/node_modules.
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const require = createRequire(join(root, "build", "parity", "package.json"));
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const [path, keyPath] = process.argv.slice(2);
const pem = readFileSync(keyPath, "utf8");
const hint = createHash("sha256").update(pem).digest("hex");
const finder = (asked) => {
  if (asked !== hint) throw new Error(`the bundle names another key: ${asked}`);
  return { publicKey: createPublicKey(pem), validFor: () => true };
};
try {
  const bundle = bundleFromJSON(JSON.parse(readFileSync(path, "utf8")));
  const empty = { mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1", tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] };
  const trust = toTrustMaterial(empty, finder);
  new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, tsaThreshold: 0, timestampThreshold: 0 }).verify(toSignedEntity(bundle));
  console.log("verified");
} catch (error) {
  console.log(`${error.code ?? error.name}: ${error.message}`);
}
