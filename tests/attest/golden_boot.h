/* SPDX-License-Identifier: Apache-2.0
 *
 * Boot logs and a TDX-lite image with their measurements; written by golden_boot.py.
 */
// clang-format off
#define GOLDEN_JSON_FILLED \
    "[{\"imr\":0,\"event_type\":2147483659,\"digest\":\"74fe6f06161a12ed3efa55bfcd64eb65a35514dd5d610cafb904" \
    "0cb7db199dd44e6b9dd2a6aa7f157082e6a55b367c10\",\"event\":\"\",\"event_payload\":\"68616e642d6f6666\"},{\"i" \
    "mr\":0,\"event_type\":10,\"digest\":\"23b8288849ca8e0a1e425b273c49e78bb8bae4ea411c294bf3ae523979fe5d53" \
    "b5787e5c6fddf295f3b9cdd9611f8303\",\"event\":\"\",\"event_payload\":\"414350492044415441\"},{\"imr\":0,\"eve" \
    "nt_type\":10,\"digest\":\"727cb221fe13842b049f4b8b4c78940ab41107406f1f0a65309aaba3871d684e9dd9bfc677" \
    "2248b296405de1e6cdedc8\",\"event\":\"\",\"event_payload\":\"414350492044415441\"},{\"imr\":0,\"event_type\":1" \
    "0,\"digest\":\"2f112bb250908e849c7ebd43ada3479e19ef3cf2066189e771903b63b75942a1cec8e4dd92fce43534cb" \
    "76c1173798f8\",\"event\":\"\",\"event_payload\":\"414350492044415441\"},{\"imr\":1,\"event_type\":2147483651," \
    "\"digest\":\"44f5f9f79737d9f70297809d17df6473673492a164780d08c28c5650747e0161db936463b2eabed302305f" \
    "49cd5ea496\",\"event\":\"\",\"event_payload\":\"6b65726e656c\"},{\"imr\":2,\"event_type\":6,\"digest\":\"b3e3a90" \
    "275dcc5199836279e2993eea63f34efb69c9fd53fd28eb76174703565e04a0e77fd2e37dfab2479d68fe32bfd\",\"even" \
    "t\":\"\",\"event_payload\":\"636f6d6d616e64206c696e65\"},{\"imr\":2,\"event_type\":6,\"digest\":\"a4469e48e272" \
    "6b9f4b5e39bbb4dba023b1345dce9133b7a8c4428f715eaa4b45aa06a32103dc5af8a210cd5b42483f5d\",\"event\":\"\"" \
    ",\"event_payload\":\"696e69747264\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"f9974020ef50706818331" \
    "3d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624\",\"event\":\"system-pre" \
    "paring\",\"event_payload\":\"\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"8afd336904cd928ad9bd019a89" \
    "b31b387673ea9b07e82bb30fb9a65c80bb358548eb47ed2c57b8044a6e1f1533af243f\",\"event\":\"app-id\",\"event_" \
    "payload\":\"000102030405060708090a0b0c0d0e0f10111213\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"0" \
    "56c294c1955af8459306e2963b5fc216656f380b0b77f124d310fd6f4f2e89357eca6e05cb50626a53a3c7869c58c17\"" \
    ",\"event\":\"compose-hash\",\"event_payload\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1" \
    "b1c1d1e1f\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"2a06f9838fe38be13d232ff794ec042126f22dbc5d" \
    "0104b319767a360675860274cb83152f3f1af36ea3af928f1c5701\",\"event\":\"instance-id\",\"event_payload\":\"2" \
    "8292a2b2c2d2e2f303132333435363738393a3b\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"98bd7e6bd395" \
    "2720b65027fd494834045d06b4a714bf737a06b874638b3ea00ff402f7f583e3e3b05e921c8570433ac6\",\"event\":\"b" \
    "oot-mr-done\",\"event_payload\":\"\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"7f788209b6106d43ad4b0" \
    "cef85797120c234f175a10b7cb609a73ec1f4285adfe7abca2e1e3d3bd2ba058c2b78d1771d\",\"event\":\"key-provid" \
    "er\",\"event_payload\":\"7b226e616d65223a226e6f6e65222c226964223a22227d\"},{\"imr\":3,\"event_type\":1342" \
    "17729,\"digest\":\"1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e" \
    "5a85edd114c751bd\",\"event\":\"system-ready\",\"event_payload\":\"\"},{\"imr\":3,\"event_type\":134217729,\"di" \
    "gest\":\"375c518be034d4a1f2f2c52ba321e1e40ed8221db42e6a6aae4e138570181afeba7e8f8de4c9200e623141f25" \
    "9c0c483\",\"event\":\"mine\",\"event_payload\":\"00ff\"}]"
#define GOLDEN_JSON_FILLED_FREE \
    {23, 33, "type"}, \
    {170, 186, "data"}, \
    {211, 213, "type"}, \
    {350, 368, "data"}, \
    {393, 395, "type"}, \
    {532, 550, "data"}, \
    {575, 577, "type"}, \
    {714, 732, "data"}, \
    {757, 767, "type"}, \
    {904, 916, "data"}, \
    {941, 942, "type"}, \
    {1079, 1103, "data"}, \
    {1128, 1129, "type"}, \
    {1266, 1278, "data"}
#define GOLDEN_JSON_EMPTY \
    "[{\"imr\":0,\"event_type\":2147483659,\"digest\":\"74fe6f06161a12ed3efa55bfcd64eb65a35514dd5d610cafb904" \
    "0cb7db199dd44e6b9dd2a6aa7f157082e6a55b367c10\",\"event\":\"\",\"event_payload\":\"\"},{\"imr\":0,\"event_typ" \
    "e\":10,\"digest\":\"23b8288849ca8e0a1e425b273c49e78bb8bae4ea411c294bf3ae523979fe5d53b5787e5c6fddf295" \
    "f3b9cdd9611f8303\",\"event\":\"acpi-loader\",\"event_payload\":\"414350492044415441\"},{\"imr\":0,\"event_ty" \
    "pe\":10,\"digest\":\"727cb221fe13842b049f4b8b4c78940ab41107406f1f0a65309aaba3871d684e9dd9bfc6772248b" \
    "296405de1e6cdedc8\",\"event\":\"acpi-rsdp\",\"event_payload\":\"414350492044415441\"},{\"imr\":0,\"event_typ" \
    "e\":10,\"digest\":\"2f112bb250908e849c7ebd43ada3479e19ef3cf2066189e771903b63b75942a1cec8e4dd92fce435" \
    "34cb76c1173798f8\",\"event\":\"acpi-tables\",\"event_payload\":\"414350492044415441\"},{\"imr\":1,\"event_ty" \
    "pe\":2147483651,\"digest\":\"44f5f9f79737d9f70297809d17df6473673492a164780d08c28c5650747e0161db93646" \
    "3b2eabed302305f49cd5ea496\",\"event\":\"\",\"event_payload\":\"\"},{\"imr\":2,\"event_type\":6,\"digest\":\"b3e3" \
    "a90275dcc5199836279e2993eea63f34efb69c9fd53fd28eb76174703565e04a0e77fd2e37dfab2479d68fe32bfd\",\"e" \
    "vent\":\"\",\"event_payload\":\"\"},{\"imr\":2,\"event_type\":6,\"digest\":\"a4469e48e2726b9f4b5e39bbb4dba023b" \
    "1345dce9133b7a8c4428f715eaa4b45aa06a32103dc5af8a210cd5b42483f5d\",\"event\":\"\",\"event_payload\":\"\"}," \
    "{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"system-preparing\",\"event_payload\":\"\"},{\"imr" \
    "\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"app-id\",\"event_payload\":\"000102030405060708090a0" \
    "b0c0d0e0f10111213\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"compose-hash\",\"event_pa" \
    "yload\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"},{\"imr\":3,\"event_type\"" \
    ":134217729,\"digest\":\"\",\"event\":\"instance-id\",\"event_payload\":\"28292a2b2c2d2e2f303132333435363738" \
    "393a3b\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"boot-mr-done\",\"event_payload\":\"\"}," \
    "{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"key-provider\",\"event_payload\":\"7b226e616d65" \
    "223a226e6f6e65222c226964223a22227d\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"system" \
    "-ready\",\"event_payload\":\"\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"mine\",\"event_pa" \
    "yload\":\"00ff\"}]"
#define GOLDEN_JSON_EMPTY_FREE \
    {23, 33, "type"}, \
    {195, 197, "type"}, \
    {315, 326, "name"}, \
    {345, 363, "data"}, \
    {388, 390, "type"}, \
    {508, 517, "name"}, \
    {536, 554, "data"}, \
    {579, 581, "type"}, \
    {699, 710, "name"}, \
    {729, 747, "data"}, \
    {772, 782, "type"}, \
    {944, 945, "type"}, \
    {1107, 1108, "type"}
#define GOLDEN_JSON_V2 \
    "[{\"imr\":0,\"event_type\":2147483659,\"digest\":\"74fe6f06161a12ed3efa55bfcd64eb65a35514dd5d610cafb904" \
    "0cb7db199dd44e6b9dd2a6aa7f157082e6a55b367c10\",\"event\":\"\",\"event_payload\":\"\"},{\"imr\":0,\"event_typ" \
    "e\":10,\"digest\":\"23b8288849ca8e0a1e425b273c49e78bb8bae4ea411c294bf3ae523979fe5d53b5787e5c6fddf295" \
    "f3b9cdd9611f8303\",\"event\":\"acpi-loader\",\"event_payload\":\"414350492044415441\"},{\"imr\":0,\"event_ty" \
    "pe\":10,\"digest\":\"727cb221fe13842b049f4b8b4c78940ab41107406f1f0a65309aaba3871d684e9dd9bfc6772248b" \
    "296405de1e6cdedc8\",\"event\":\"acpi-rsdp\",\"event_payload\":\"414350492044415441\"},{\"imr\":0,\"event_typ" \
    "e\":10,\"digest\":\"2f112bb250908e849c7ebd43ada3479e19ef3cf2066189e771903b63b75942a1cec8e4dd92fce435" \
    "34cb76c1173798f8\",\"event\":\"acpi-tables\",\"event_payload\":\"414350492044415441\"},{\"imr\":1,\"event_ty" \
    "pe\":2147483651,\"digest\":\"44f5f9f79737d9f70297809d17df6473673492a164780d08c28c5650747e0161db93646" \
    "3b2eabed302305f49cd5ea496\",\"event\":\"\",\"event_payload\":\"\"},{\"imr\":2,\"event_type\":6,\"digest\":\"b3e3" \
    "a90275dcc5199836279e2993eea63f34efb69c9fd53fd28eb76174703565e04a0e77fd2e37dfab2479d68fe32bfd\",\"e" \
    "vent\":\"\",\"event_payload\":\"\"},{\"imr\":2,\"event_type\":6,\"digest\":\"a4469e48e2726b9f4b5e39bbb4dba023b" \
    "1345dce9133b7a8c4428f715eaa4b45aa06a32103dc5af8a210cd5b42483f5d\",\"event\":\"\",\"event_payload\":\"\"}," \
    "{\"imr\":3,\"event_type\":134217729,\"digest\":\"918e390aef67de4520d37d7e046dd222038e0a8385825072383ab1" \
    "94543ffa3046a9a48fdabbc16e6ba9ff24249ba88f\",\"event\":\"system-preparing\",\"event_payload\":\"\",\"versi" \
    "on\":2,\"preimage\":\"7b226e616d65223a2273797374656d2d707265706172696e67222c227061796c6f6164223a2222" \
    "2c2274797065223a3133343231373732397d\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"aa6f55e9b5a53fa" \
    "9744eaaf780ea0f6500621e156b37c47940760d33fa0e3149e3533bc23f46746100764233a0ec0711\",\"event\":\"app-" \
    "id\",\"event_payload\":\"000102030405060708090a0b0c0d0e0f10111213\",\"version\":2,\"preimage\":\"7b226e616" \
    "d65223a226170702d6964222c227061796c6f6164223a223030303130323033303430353036303730383039306130623" \
    "0633064306530663130313131323133222c2274797065223a3133343231373732397d\"},{\"imr\":3,\"event_type\":13" \
    "4217729,\"digest\":\"ad14f2559de7173827af7455f3603ca92d18f54c1244e72ffb86eb2a0d7bb65ebf39ca0a345102" \
    "7b086ec6ffeca53b0f\",\"event\":\"compose-hash\",\"event_payload\":\"000102030405060708090a0b0c0d0e0f1011" \
    "12131415161718191a1b1c1d1e1f\",\"version\":2,\"preimage\":\"7b226e616d65223a22636f6d706f73652d68617368" \
    "222c227061796c6f6164223a223030303130323033303430353036303730383039306130623063306430653066313031" \
    "3131323133313431353136313731383139316131623163316431653166222c2274797065223a3133343231373732397d" \
    "\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"4132f843790cb8ade0d47792e7c75271a14a780862b5a16bc2a" \
    "01acff1d4856175f4916ade19385b7026cdee40dbf5b3\",\"event\":\"instance-id\",\"event_payload\":\"28292a2b2c" \
    "2d2e2f303132333435363738393a3b\",\"version\":2,\"preimage\":\"7b226e616d65223a22696e7374616e63652d6964" \
    "222c227061796c6f6164223a223238323932613262326332643265326633303331333233333334333533363337333833" \
    "3933613362222c2274797065223a3133343231373732397d\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"aea" \
    "dedb6d47c136395e76aaa640667ed1635429ee9a3795e0c97ad11f809b9805b39ba43d07f2e68cf51facd318d350d\",\"" \
    "event\":\"boot-mr-done\",\"event_payload\":\"\",\"version\":2,\"preimage\":\"7b226e616d65223a22626f6f742d6d7" \
    "22d646f6e65222c227061796c6f6164223a22222c2274797065223a3133343231373732397d\"},{\"imr\":3,\"event_ty" \
    "pe\":134217729,\"digest\":\"73e1d8ce8cb6c89f8379018b7d46a3e9674c99eef022dc39813534ddd094b59f9fc10ce1" \
    "3888ffd8475a92432d2820f1\",\"event\":\"key-provider\",\"event_payload\":\"7b226e616d65223a226e6f6e65222c" \
    "226964223a22227d\",\"version\":2,\"preimage\":\"7b226e616d65223a226b65792d70726f7669646572222c22706179" \
    "6c6f6164223a223762323236653631366436353232336132323665366636653635323232633232363936343232336132" \
    "3232323764222c2274797065223a3133343231373732397d\"},{\"imr\":3,\"event_type\":134217729,\"digest\":\"8c7" \
    "48e7cf5aa7ef37f036bd15cb78308279511a408bcd2aab352802cccd79cf07d7d5e4d174c5b311f2d98f35f53ccd6\",\"" \
    "event\":\"system-ready\",\"event_payload\":\"\",\"version\":2,\"preimage\":\"7b226e616d65223a2273797374656d2" \
    "d7265616479222c227061796c6f6164223a22222c2274797065223a3133343231373732397d\"},{\"imr\":3,\"event_ty" \
    "pe\":134217729,\"digest\":\"77afed0e8199f31d501e1644c9fa32c17ff255d4041670447f1cce69e9741a9b5237ac24" \
    "4cf206da24d87c2d12fba8ef\",\"event\":\"mine\",\"event_payload\":\"00ff\",\"version\":2,\"preimage\":\"7b226e61" \
    "6d65223a226d696e65222c227061796c6f6164223a2230306666222c2274797065223a3133343231373732397d\"}]"
#define GOLDEN_JSON_V2_FREE \
    {23, 33, "type"}, \
    {195, 197, "type"}, \
    {315, 326, "name"}, \
    {345, 363, "data"}, \
    {388, 390, "type"}, \
    {508, 517, "name"}, \
    {536, 554, "data"}, \
    {579, 581, "type"}, \
    {699, 710, "name"}, \
    {729, 747, "data"}, \
    {772, 782, "type"}, \
    {944, 945, "type"}, \
    {1107, 1108, "type"}
#define GOLDEN_JSON_RTMR0 \
    "c441cc89a1edcd0a55e487681cb33fc5fb307a39450f096bbd2b41b88ce6d4a50bd47abed50b4a06e6c08eeab94cada2"
#define GOLDEN_JSON_RTMR1 \
    "70879e161a40602cbd0647881d338aed67ee4ff162e9d41d8b8edc59cc8bbc033fa40744814cb9460e4bb1fdb0b929db"
#define GOLDEN_JSON_RTMR2 \
    "4731190101a97d9f063d6bedc0b842a461567460864038f6bfeed22f8f96bc3888e9e7562a3c1640cc1e16f15283351f"
#define GOLDEN_JSON_RTMR3 \
    "5e5f4fc041ef2b0ae92a98fac429b31dd42f1dcaa632c37b9646d6423b69225686aa02b1824ccb77325d52b89b571e0d"
#define GOLDEN_JSON_V2_RTMR3 \
    "6edf767990f2cdbba8c47ab614da437331c1d0d48b76fbc5df580e215abe358e8d14450dd152ff2a7cc0a0a7e4b204a0"
#define GOLDEN_CCEL \
    "010000000300000000000000000000000000000000000000000000002800000053706563204944204576656e74303300" \
    "0000000000026902020000000b0020000c00300003535754010000000b000080020000000b007c70b338473538dc4bf7" \
    "b7934815f070e35c7e3f9f86ef54dfd0398891e493650c009ed1ee85a7f5e9c77a41db17dd9781d32d6d722095287dec" \
    "53651ea41b35e15bb8e43bcb20de9192ff888c72fa2656af0f00000068616e642d6f666620626c6f636b730100000001" \
    "000080020000000b0094a7308021f74b9cbe5531d31e375fe0192ce21282f4720cecd3275ce04b54890c0062ffb90558" \
    "cacb7e5128d3988357a685d5da8cf98c46ec5c9d4541ebc2865f1fa71b32107448fa346a056c4b36a84d770a00000053" \
    "6563757265426f6f740000000003000000020000000b0000000000000000000000000000000000000000000000000000" \
    "000000000000000c00000000000000000000000000000000000000000000000000000000000000000000000000000000" \
    "00000000000000000011000000537461727475704c6f63616c69747900030200000003000080020000000b006923dd1b" \
    "c0460082c5d55a831908c24a282860b7f1cd6c2b79cf1bc8857c639c0c00e1685b6426d9c5be8691ff8f95eacdc11753" \
    "355667394aa23124570b14baf68ab322a3aaeb3c599c448ad5016c709a49060000006b65726e656c0200000004000000" \
    "020000000b00df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b811190c00394341b7182cd227" \
    "c5c6b07ef8000cdfd86136c4292b8e576573ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f00400000000000000" \
    "0300000006000000020000000b002d7d7381227937c3ac164a2f36c1e8e8268e91eb28814d8a75ba4c72c2be01550c00" \
    "fe2fa536197ffaac159deeb10a26ff0273b357458adfc94bc682dcc3c75cd416f75aaa300bab365190c8cc39bc35b9cc" \
    "0c0000007100750069006500740000000400000006000000020000000b00e3b0c44298fc1c149afbf4c8996fb92427ae" \
    "41e4649b934ca495991b7852b8550c0038b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da" \
    "274edebfe76f65fbd51ad2f14898b95b00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff" \
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" \
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
#define GOLDEN_CCEL_END 836
#define GOLDEN_CCEL_FREE \
    {0, 4, "header"}, \
    {48, 52, "header"}, \
    {54, 56, "header"}, \
    {69, 72, "header"}, \
    {76, 80, "type"}, \
    {86, 118, "other digest"}, \
    {172, 187, "data"}, \
    {191, 195, "type"}, \
    {201, 233, "other digest"}, \
    {287, 297, "data"}, \
    {297, 301, "extends nothing"}, \
    {397, 414, "data"}, \
    {418, 422, "type"}, \
    {428, 460, "other digest"}, \
    {514, 520, "data"}, \
    {524, 528, "type"}, \
    {534, 566, "other digest"}, \
    {620, 624, "data"}, \
    {628, 632, "type"}, \
    {638, 670, "other digest"}, \
    {724, 736, "data"}, \
    {740, 744, "type"}, \
    {750, 782, "other digest"}, \
    {832, 836, "size before padding"}
#define GOLDEN_CCEL_RTMR0 \
    "4d3dc29335c4bdd9850edd5097a264ec61994d8113e9544b8e86fe59e088b6306e24e5470a025305f9cad93189cf0783"
#define GOLDEN_CCEL_RTMR1 \
    "ba015b512b9a8102e941a9aec0007f7ea694672f5c504d849d40825af03710c33b11c5cc3a1ecc1230a022791b35244f"
#define GOLDEN_CCEL_RTMR2 \
    "deb3d4b84d4034dd65e01b8c76d22d5d060fe85c1634256c8e68ee18ca38aad541b6e8c2f2c39900a6188f025a76f72a"
#define GOLDEN_CCEL_RTMR3 \
    "21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
#define GOLDEN_LITE_V3 \
    "a36776657273696f6e0365696d616765a36e636d646c696e655f73686133383458308376e02f68711b30c53494037f9f" \
    "9656da8a50e7f20a223de2e28cbdf312f524d3ed0ac9c14397257a1a82bcfe851132736b65726e656c5f61757468656e" \
    "7469636f64655830e1685b6426d9c5be8691ff8f95eacdc11753355667394aa23124570b14baf68ab322a3aaeb3c599c" \
    "448ad5016c709a496d696e697472645f73686133383458300ea077a251cb5b89108623041521d525aa49452a84239b04" \
    "232bd69ad66b2885b792748e445082253569dd304c50a1106474647666a3646f766d6669707265323032353035646d72" \
    "7464a26b73696e676c655f706173735830dc7fd4fbbaf659ea823f85b39999fe77b88259f7e93228314d82f347d993d8" \
    "89e7c2c3e0eab283354963264c6918b6266874776f5f706173735830b4d61c2e92c90a51ce6872245d7464da1cfb7938" \
    "4b613e6df61e01428279caaac0159eee134dbde3387a8dcb4b4b291b6674645f686f624c80100904000609020b021010"
#define GOLDEN_LITE_V3_CHECKSUMS \
    "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa  bzImage\n17b6497701daea1ed3f1b1" \
    "a7eda4009280ba8058d0bae44018295b4d3237f8cf  measurement.tdx.cbor\n"
#define GOLDEN_LITE_V3_NORMALIZED \
    "a36776657273696f6e0365696d616765a46e636d646c696e655f73686133383458308376e02f68711b30c53494037f9f" \
    "9656da8a50e7f20a223de2e28cbdf312f524d3ed0ac9c14397257a1a82bcfe851132736b65726e656c5f61757468656e" \
    "7469636f64655830e1685b6426d9c5be8691ff8f95eacdc11753355667394aa23124570b14baf68ab322a3aaeb3c599c" \
    "448ad5016c709a4978186b65726e656c5f6865616465725f6e6f726d616c697a6564f56d696e697472645f7368613338" \
    "3458300ea077a251cb5b89108623041521d525aa49452a84239b04232bd69ad66b2885b792748e445082253569dd304c" \
    "50a1106474647666a3646f766d6669707265323032353035646d727464a26b73696e676c655f706173735830dc7fd4fb" \
    "baf659ea823f85b39999fe77b88259f7e93228314d82f347d993d889e7c2c3e0eab283354963264c6918b6266874776f" \
    "5f706173735830b4d61c2e92c90a51ce6872245d7464da1cfb79384b613e6df61e01428279caaac0159eee134dbde338" \
    "7a8dcb4b4b291b6674645f686f624c80100904000609020b021010"
#define GOLDEN_LITE_V3_NORMALIZED_CHECKSUMS \
    "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa  bzImage\nbc8df6b834a38c12cb6b75" \
    "3efa2a4e5a5ee17940d98469c2f287fc5029c1a161  measurement.tdx.cbor\n"
#define GOLDEN_LITE_V4 \
    "a36776657273696f6e0465696d616765a467636d646c696e657869636f6e736f6c653d74747953302070616e69633d31" \
    "2064737461636b2e726f6f7466735f686173683d31323132313231323132313231323132313231323132313231323132" \
    "313231323132313231323132313231323132313231323132313231323132313231323132736b65726e656c5f61757468" \
    "656e7469636f64655830e1685b6426d9c5be8691ff8f95eacdc11753355667394aa23124570b14baf68ab322a3aaeb3c" \
    "599c448ad5016c709a4978186b65726e656c5f6865616465725f6e6f726d616c697a6564f56d696e697472645f736861" \
    "33383458300ea077a251cb5b89108623041521d525aa49452a84239b04232bd69ad66b2885b792748e445082253569dd" \
    "304c50a1106474647666a3646f766d6669707265323032353035646d727464a26b73696e676c655f706173735830dc7f" \
    "d4fbbaf659ea823f85b39999fe77b88259f7e93228314d82f347d993d889e7c2c3e0eab283354963264c6918b6266874" \
    "776f5f706173735830b4d61c2e92c90a51ce6872245d7464da1cfb79384b613e6df61e01428279caaac0159eee134dbd" \
    "e3387a8dcb4b4b291b6674645f686f624c80100904000609020b021010"
#define GOLDEN_LITE_V4_CHECKSUMS \
    "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa  bzImage\n1afd341e2c3acd75ca522b" \
    "6bf8e6f5db240bd84eda5c91b787549bdd3bdfe897  measurement.tdx.cbor\n"
#define GOLDEN_LITE_RTMR0_1024 \
    "e03dc575a306aefbed7b1f310f02e88420ff8c82b1081333322da7b4059acfe199859ec11b4a52c160335f89aa52711f"
#define GOLDEN_LITE_RTMR0_2048 \
    "d2cd9ab89b8967e86819ad46d33f78ad0005e6b9665f30c50b29ba99a360376337fbf35fd363ee455481ef4876f35254"
#define GOLDEN_LITE_RTMR0_2816 \
    "2afc12c4a4a392a40e0ffb16614ddcc6da19446230597f2e5674f4527a4f73622a2049e0e4cb8fd9cd4ae94a692c91f3"
#define GOLDEN_LITE_RTMR0_4096 \
    "9c6399061f03c90a0974d4f063b4edd4d5150c1fa2d82b922e8c5a39403c1439ac1c48247c20af0de994db77f1e641ff"
#define GOLDEN_LITE_RTMR0_65536 \
    "1c78bd358ea35b4d8bc6bf567c6d363bce6f4cc10ddeb1149ded1f3870b89dfc1a96bafa5940e6379fef81fe5f8b2aa5"
#define GOLDEN_LITE_RTMR1 \
    "9410f3545548cde38974a9a2bb8d3aac339c8cec42de5ca92525072c3cc172878ca4c7197f7d9d1b95dea0ccf80a3b06"
#define GOLDEN_LITE_RTMR2 \
    "8425eb556156de7f033a9f9ac13ac6a41c38f2f2a3f7308718e64d93b1a2e5d0391095d84e7d3bcd72c3c8d23bb2c7c4"
#define GOLDEN_LITE_MRTD_SINGLE \
    "dc7fd4fbbaf659ea823f85b39999fe77b88259f7e93228314d82f347d993d889e7c2c3e0eab283354963264c6918b626"
#define GOLDEN_LITE_MRTD_TWO \
    "b4d61c2e92c90a51ce6872245d7464da1cfb79384b613e6df61e01428279caaac0159eee134dbde3387a8dcb4b4b291b"
#define GOLDEN_MR \
    "a72c7ce2c0b47932f65a00351b256659ad0f349629d64faa4472329c14934a990b980daeac1ecb8f4f91936b4bae8c10" \
    "0b538fddbfca30c50fc77a6ce7e82151fc463be300192dd2070f92550ee939f97cb80cae9c7edfeed8c109ee08b4d77f" \
    "38cce2cfff48e7412955ca2f9079afa390e88b7d17fe52cc0288c808fb4ed1d2b1eb1ea566e9e27acb47ae0fbbac5aa1" \
    "b606a4655b2863fd7191bfa92dabee9e322ec12e0f6033393bea208df6981bccb44320bc97feef60b31ba335dc688fab" \
    "bf2cce8b1bfd56aabd232656c1731d46104f8ca366a4acc9a66b79a1bfd821761654e3ebaa224103236707bd3478df70" \
    "6c070915dcf4c29208982fdd87a333bea52aee9cd1ea5d322bfaa7b886f71b2a1a03d11f5d407415c18d9562f0b89cd1" \
    "fd2630c8a8e0419290172bfe50fafffb669a5681c60ad8a123e81fa1711b6a869952f3d8212a5212556e1850b3ac07f2" \
    "3e4bb354249c2cb3f91317e586e74383e3b99c9ffaf6d2795a4605aa4905604f88fb72796bdacfb8975051ab02d2e74e"
#define GOLDEN_MR_SYSTEM \
    "6c064748950b9882ab9d8a707d45f03d51f27d24012a4571e6f866ad5ba2e607"
#define GOLDEN_MR_SYSTEM_BARE \
    "e69f7b359fa1f88302f1e08fcb93321e30bf58aa4ad08b6a5fdad94b60d9aa39"
#define GOLDEN_MR_AGGREGATED \
    "f77433c393102cf09867fafffc6e806b497c29ffe210a7842ffd1bdea186c43e"
#define GOLDEN_MR_AGGREGATED_OWNED \
    "887aac797ff31ff13cc91dbdef082160374f5741e97f21c05d5fec647f3bcdfd"
#define GOLDEN_INSTANCE_ID \
    "22d612b37c1b26e3587464bd69c6044410f729f6"
#define GOLDEN_BY_PPID \
    "be45cb2605bf36bebde684841a28f0fd43c69850a3dce5fedba69928ee3a8991"
#define GOLDEN_BY_USER_DATA \
    "e7aebf577f60412f0312d442c70a1fa6148c090bf5bab404caec29482ae779e8"
#define GOLDEN_RTMR3_AT_BOOT \
    "1c3c446fb63d275195cccde2161d26a5a007aae99d7463707bf7ef531286ecac5673c319238961eea0c9f7410885853f"
#define GOLDEN_CONFIG_DOCUMENT \
    "{\"app_id\":\"000102030405060708090a0b0c0d0e0f10111213\",\"compose_hash\":\"000102030405060708090a0b0c0" \
    "d0e0f101112131415161718191a1b1c1d1e1f\",\"gpu_policy_hash\":\"55555555555555555555555555555555555555" \
    "55555555555555555555555555\",\"init_script_hashes\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaa\",\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"],\"instan" \
    "ce_id\":\"4444444444444444444444444444444444444444\",\"key_provider\":\"local\",\"key_provider_id\":\"3333" \
    "333333333333333333333333333333333333333333333333333333333333\",\"version\":3}"
#define GOLDEN_CONFIG_ID_V3 \
    "0363bdff523e713203063a9090bc1b698ad58ba80b59de2df3119e7978dedc020b000000000000000000000000000000"
