// The package ships no types.
declare module 'kafkajs-snappy' {
  const createCodec: () => {
    compress(encoder: { buffer: Buffer }): Promise<Buffer>;
    decompress(buffer: Buffer): Promise<Buffer>;
  };
  export default createCodec;
}
