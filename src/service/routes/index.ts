import type { Server } from '../server.ts';
import { auditHead, listAudit } from './audit.ts';
import { createKey } from './create-key.ts';
import { disableKey } from './disable-key.ts';
import { editKey } from './edit-key.ts';
import { enableKey } from './enable-key.ts';
import { getKey } from './get-key.ts';
import { health } from './health.ts';
import { listKeys } from './list-keys.ts';
import { metrics } from './metrics.ts';
import { acknowledgeMint, cancelMint, mintStatus, settleMint } from './mint.ts';
import { openapi } from './openapi.ts';
import { ready } from './ready.ts';
import { regenerateKey } from './regenerate-key.ts';
import { revokeKey } from './revoke-key.ts';
import { verify } from './verify.ts';
import { whoami } from './whoami.ts';

export const routes: readonly ((app: Server) => void)[] = [
  createKey,
  listKeys,
  getKey,
  editKey,
  disableKey,
  enableKey,
  regenerateKey,
  revokeKey,
  mintStatus,
  cancelMint,
  acknowledgeMint,
  settleMint,
  verify,
  whoami,
  listAudit,
  auditHead,
  health,
  ready,
  metrics,
  openapi,
];
