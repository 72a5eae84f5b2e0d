"""Python's ssl as a peer. What drivers do is told in Matrix/DriverPeer.cs."""
import socket
import ssl
import sys

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def say(line):
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def say_connection(tls):
    say(f"connection: {'resumed' if tls.session_reused else 'full'} {tls.version()}")


def close(tls):
    try:
        tls.unwrap().close()
    except OSError:
        tls.close()


def read_to_end(tls):
    received = bytearray()
    while chunk := tls.recv(65536):
        received += chunk
    return bytes(received)


def client(port, root, version, connections):
    payload = sys.stdin.buffer.read()
    context = ssl.create_default_context(cafile=root)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    session = None
    for number in range(1, int(connections) + 1):
        tcp = socket.create_connection(("127.0.0.1", int(port)))
        tls = context.wrap_socket(tcp, server_hostname="localhost", session=session)
        say_connection(tls)
        tls.sendall(payload if number == int(connections) else b"hello\n")
        received = read_to_end(tls)
        session = tls.session
        close(tls)
        sys.stdout.buffer.write(received)
        sys.stdout.buffer.flush()


def server(chain, key, tickets):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    if tickets == "no-tickets":
        context.options |= ssl.OP_NO_TICKET
    with socket.create_server(("127.0.0.1", 0)) as listener:
        say(f"listening on {listener.getsockname()[1]}")
        while True:
            tcp, _ = listener.accept()
            try:
                tls = context.wrap_socket(tcp, server_side=True)
                say_connection(tls)
                while chunk := tls.recv(65536):
                    tls.sendall(chunk)
                close(tls)
            except OSError as error:
                say(f"failed: {error}")
                tcp.close()


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
