// SPDX-License-Identifier: BSD-2-Clause
// A shop that tells of its sales; addon.c says how its addon is built.
//   sonde -e 'usdt:*:shop:sale { printf("%d of %s\n", arg0, str(arg1)); }'
const usdt = require(process.env.SONDE_USDT_NODE || './sonde_usdt.node');

const types = 'i32 str f64';
const shop = usdt.provider(process.env.MAKES_PROVIDER || 'shop');
const sale = usdt.add(shop, 'sale', types);
const wares = ['apples', 'bread', 'cheese'];
const rounds = Number(process.argv[2] || 20);
let i = 0;

usdt.load(shop);
const timer = setInterval(() => {
  if (usdt.enabled(sale)) usdt.fire(sale, types, [i + 1, wares[i % 3], i * 0.5]);
  console.log(`sale ${i + 1} ${wares[i % 3]} ${usdt.enabled(sale) ? 1 : 0}`);
  if (++i >= rounds) clearInterval(timer);
}, 200);
