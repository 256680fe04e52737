/** Our own key service over HTTP; its API is `docs/api.md`. */
import type { Profile } from '../config.ts';
import type { KeyService } from '../keys.ts';
import type { Http } from './http.ts';

export function keysDriver(_http: Http, _profile: Profile): KeyService {
  throw new Error('not there yet');
}
