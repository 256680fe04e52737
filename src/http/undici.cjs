'use strict';
// The one part of undici that is needed: its index also loads fetch, WebSocket, caches and mocks, which takes as long again.
const Dispatcher = require('undici/lib/dispatcher/dispatcher.js');

// undici's index does this for all of its API; the proxy agent opens its tunnels with it.
Dispatcher.prototype.connect = require('undici/lib/api/api-connect.js');

exports.EnvHttpProxyAgent = require('undici/lib/dispatcher/env-http-proxy-agent.js');
