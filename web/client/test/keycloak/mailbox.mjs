// A mailbox for everybody: as much SMTP as it takes to be handed a mail.
import net from "node:net";

// `next()` answers the text of the next mail.
export async function mailbox() {
  const waiting = [];
  const mails = [];
  const deliver = (mail) => (waiting.length ? waiting.shift()(mail) : mails.push(mail));
  const server = net.createServer((socket) => {
    let text = "";
    let isMail = false;
    const say = (line) => socket.write(`${line}\r\n`);
    say("220 here");
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      text += bytes;
      for (;;) {
        const end = isMail ? "\r\n.\r\n" : "\r\n";
        const at = text.indexOf(end);
        if (at < 0) return;
        const said = text.slice(0, at);
        text = text.slice(at + end.length);
        if (isMail) deliver(said);
        isMail = /^DATA$/i.test(said);
        if (isMail) say("354 go on");
        else if (/^QUIT$/i.test(said)) socket.end("221 bye\r\n");
        else say("250 good");
      }
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: server.address().port,
    next: () => new Promise((done) => (mails.length ? done(mails.shift()) : waiting.push(done))),
    close: () => server.close(),
  };
}

// The first link of a mail, its quoted-printable undone.
export function link(mail) {
  const plain = mail.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return plain.match(/https?:\/\/[^\s"<>]+/)[0];
}
