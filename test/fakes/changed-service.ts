import type { KeyService } from '../../src/keys.ts';

/** A service that is another one but for what is changed of it. */
export function changedService(service: KeyService, changes: Partial<KeyService>): KeyService {
  return new Proxy(service, {
    get(target, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name);
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}
