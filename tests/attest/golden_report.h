/* SPDX-License-Identifier: Apache-2.0
 *
 * Report data by Python's hashlib; written by golden_report.py.
 */
// clang-format off
#define GOLDEN_CHANNEL_KMS \
    "224a791da50b6a46d8a6861b1b6f644f868988bd4de676777847036df1829914" \
    "4303ecc82d412fda84f5b3115fc405fa0dd1d67624c57b9da92d514365939fbf"
#define GOLDEN_CHANNEL_TRAIN \
    "592607cb332b3a4ecc67bd2a059d0e8ce6fa6570ba544dab0c16e3ec02f42897" \
    "09533139203483fb750f2a53a6ec7ea1a451cd6704b05921a17febb8605e5b15"
#define GOLDEN_CHANNEL_GPU \
    "ce70b405d73ac15d3a71af435e3832306fbad5307a093b1cfe28eb402ce60ac2" \
    "01947a59b33cb7cb110f8c3ac60344b12c4890cb07152ae5bb407c970130ebbf"
#define GOLDEN_KMS_ROOT \
    "b70a7c41d1f15be48a70738cdcacf77d35fe6c5cdcc7c916a97b5f6c6209006c" \
    "2621677055fe0f0b8610ef0fcd37f86cc348c452c9b5eddd0531a4a6afe59a98"
#define GOLDEN_MANIFEST \
    "4832598431bba467a2ff084bbbed4b8f59b4260d8e2389cfc3e5d19e200b6591" \
    "170443d229054235a04b7b36511ca83efddd05f8d3db67ae3c22c4f8117cd9ac"
