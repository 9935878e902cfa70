// SPDX-License-Identifier: Apache-2.0
//
// Makes golden_json.h: RFC 8785 forms by npm `canonicalize`, doubles as ECMAScript prints them.
//   npm install canonicalize@2.0.0 && node golden_json.mjs >golden_json.h
import { createRequire } from 'node:module';
const require = createRequire(process.cwd() + '/');
const canonicalize = require('canonicalize');
const version = require('canonicalize/package.json').version;

// RFC 8785: section 3.2.2 (sample), 3.2.3 (sorting), appendix of the JCS test data by kind.
const documents = [
    String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
    String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
    '[56,{"d":true,"10":null,"1":[]}]',
    '{"peach":"This sorting order","p\u00e9ch\u00e9":"is wrong according to French","p\u00eache":"but canonicalization MUST","sin":"ignore locale"}',
    '{"1":{"f":{"f":"hi","F":5},"\\n":56.0},"10":{},"":"empty","a":{},"111":[{"e":"yes","E":"no"}],"A":{}}',
    '{"Unnormalized Unicode":"A\\u030a"}',
    '[]', '{}', '""', '0', '-0', 'true', ' null ', '"\\u0000\\u001f\\u007f\\u0080\\u2028\\u2029"',
    '[[[[[[[[]]]]]]]]', '{"b":1,"a":2,"aa":3,"":4}', '"\\ud83d\\ude00\u{1f600}"',
    '{"\\ue000":1,"\\ud800\\udc00":2,"\\uffff":3,"\\ud7ff":4}',
    '[1e0,10e-1,100E-2,1.0,-1.50e+1,123456789012345678901234567890]',
    '"\\b\\f\\n\\r\\t\\/\\\\\\""',
];

// RFC 8785 appendix B by their bits, then every power of two, its neighbours, and random bits.
const rfc = ['0000000000000000', '8000000000000000', '0000000000000001', '8000000000000001', '7fefffffffffffff',
    'ffefffffffffffff', '4340000000000000', 'c340000000000000', '4430000000000000', '44b52d02c7e14af5',
    '44b52d02c7e14af6', '44b52d02c7e14af7', '444b1ae4d6e2ef4e', '444b1ae4d6e2ef4f', '444b1ae4d6e2ef50',
    '3eb0c6f7a0b5ed8c', '3eb0c6f7a0b5ed8d', '41b3de4355555553', '41b3de4355555554', '41b3de4355555555',
    '41b3de4355555556', '41b3de4355555557', 'becbf647612f3696', '43143ff3c1cb0959'].map((t) => BigInt('0x' + t));
const view = new DataView(new ArrayBuffer(8));
const toDouble = (bits) => (view.setBigUint64(0, bits), view.getFloat64(0));
const toBits = (double) => (view.setFloat64(0, double), view.getBigUint64(0));
const bits = [...rfc];
for (let e = -1074; e <= 1023; e += 7) {
    const at = toBits(2 ** e);
    bits.push(at, at + 1n);
    if (at > 1n) bits.push(at - 1n);
}
let state = 8785n;
for (let i = 0; i < 400; i++) {
    state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    if (Number.isFinite(toDouble(state))) bits.push(state);
    bits.push(toBits(Number(state % 1000000n) / 1000));
}

const c = (text) => {
    const bytes = [...Buffer.from(text)];
    return '{' + [...bytes, 0].join(', ') + '}';
};
const out = [];
out.push('/* SPDX-License-Identifier: Apache-2.0', ' *', ` * Made by golden_json.mjs with npm canonicalize ${version} and node ${process.version}.`, ' */',
    '/* clang-format off */', '#include <stdint.h>', '');
documents.forEach((text, i) => {
    out.push(`static const uint8_t golden_in_${i}[] = ${c(text)};`);
    out.push(`static const uint8_t golden_out_${i}[] = ${c(canonicalize(JSON.parse(text)))};`);
});
out.push('static const struct { const uint8_t *in, *out; } golden_documents[] = {');
documents.forEach((_, i) => out.push(`    {golden_in_${i}, golden_out_${i}},`));
out.push('};', 'static const struct { uint64_t bits; const char *text; } golden_numbers[] = {');
for (const b of bits) out.push(`    {0x${b.toString(16).padStart(16, '0')}, "${canonicalize(toDouble(b))}"},`);
out.push('};');
console.log(out.join('\n'));
