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
import { createNamespace, editNamespace, listNamespaces } from './namespaces.ts';
import { openapi } from './openapi.ts';
import { ready } from './ready.ts';
import { regenerateKey } from './regenerate-key.ts';
import { revealKey } from './reveal-key.ts';
import { revokeKey } from './revoke-key.ts';
import { createRole, editRole, listRoles } from './roles.ts';
import { createSession, endSession, refreshSession, stepUp } from './sessions.ts';
import {
  createUser,
  disableUser,
  editUser,
  enableUser,
  getUser,
  joinNamespace,
  leaveNamespace,
  listUsers,
} from './users.ts';
import { verify } from './verify.ts';
import { whoami } from './whoami.ts';

/** By the names that operations have in the OpenAPI document, and so in clients that are made from it. */
export const routes: Readonly<Record<string, (app: Server) => void>> = {
  createKey,
  listKeys,
  getKey,
  editKey,
  disableKey,
  enableKey,
  regenerateKey,
  revokeKey,
  revealKey,
  mintStatus,
  cancelMint,
  acknowledgeMint,
  settleMint,
  listUsers,
  createUser,
  getUser,
  editUser,
  disableUser,
  enableUser,
  joinNamespace,
  leaveNamespace,
  listNamespaces,
  createNamespace,
  editNamespace,
  listRoles,
  createRole,
  editRole,
  createSession,
  refreshSession,
  endSession,
  stepUp,
  verify,
  whoami,
  listAudit,
  auditHead,
  health,
  ready,
  metrics,
  openapi,
};
