// Node's tls as a peer. What drivers do is told in Matrix/DriverPeer.cs.
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

const say = line => process.stdout.write(line + '\n');

const sayConnection = socket =>
  say(`connection: ${socket.isSessionReused() ? 'resumed' : 'full'} ${socket.getProtocol()}`);

function connect(port, root, version, session, data) {
  return new Promise((resolve, reject) => {
    const received = [];
    let latest;
    const socket = tls.connect({
      host: '127.0.0.1', port, servername: 'localhost', ca: readFileSync(root), session,
      minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version,
    });
    socket.on('session', session => latest = session);
    socket.on('secureConnect', () => {
      sayConnection(socket);
      socket.write(data);
    });
    socket.on('data', chunk => received.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      process.stdout.write(Buffer.concat(received));
      resolve(latest);
    });
  });
}

async function client(port, root, version, connections) {
  const payload = readFileSync(0);
  let session;
  for (let number = 1; number <= Number(connections); number++) {
    session = await connect(Number(port), root, version, session, number === Number(connections) ? payload : 'hello\n');
  }
}

function server(chain, key, tickets) {
  const sessions = new Map();
  const listener = tls.createServer({
    cert: readFileSync(chain), key: readFileSync(key),
    secureOptions: tickets === 'no-tickets' ? constants.SSL_OP_NO_TICKET : 0,
  });
  // Node has no cache of its own for session IDs.
  listener.on('newSession', (id, data, done) => { sessions.set(id.toString('hex'), data); done(); });
  listener.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex')) ?? null));
  listener.on('secureConnection', socket => {
    sayConnection(socket);
    socket.on('error', error => say('failed: ' + error.message));
    socket.pipe(socket);
  });
  listener.on('tlsClientError', error => say('failed: ' + error.message));
  listener.listen(0, '127.0.0.1', () => say('listening on ' + listener.address().port));
}

const [role, ...rest] = process.argv.slice(2);
await { client, server }[role](...rest);
