/** Returns when all promises that can be kept have been, and all that follows from them has been done. Takes no time:
 * promises come before the next turn of the event loop, which a message begins. */
export const nextTurn = () =>
  new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
