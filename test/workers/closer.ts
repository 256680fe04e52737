/** A process of its own on a database: says when it has opened it, and closes it when told so. What is left then keeps it from ending. */
import { openStore } from '../../src/service/open-store.ts';

const store = await openStore(process.argv[2] ?? '');
await store.check();
process.once('message', async () => {
  await store.close();
  process.disconnect();
});
process.send?.('open');
