/** The JSON schema of mapping files, for editors. */
import * as z from 'zod/mini';
import { mappingSchema } from './mapping.ts';

export function mappingJsonSchema(): object {
  return {
    ...z.toJSONSchema(mappingSchema, {
      io: 'input',
      // An editor takes a name such as 404 for a number.
      override({ jsonSchema: { propertyNames } }) {
        if (typeof propertyNames === 'object') delete propertyNames.type;
      },
    }),
    title: 'A mapping file of keys: any REST key service, described for the driver rest',
  };
}
