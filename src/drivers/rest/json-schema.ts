/** The JSON schema of mapping files, for editors. */
import * as z from 'zod/mini';
import { mappingSchema } from './mapping.ts';

export function mappingJsonSchema(): object {
  return {
    ...z.toJSONSchema(mappingSchema, { io: 'input' }),
    title: 'A mapping file of keys: any REST key service, described for the driver rest',
  };
}
