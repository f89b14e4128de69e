import { digest } from '/report.js';

const draw = (canvas) => {
  const context = canvas.getContext('2d');
  context.fillStyle = '#36c';
  context.fillRect(0, 0, 40, 40);
  context.font = '20px sans-serif';
  context.fillText('Ada Ω', 2, 30);
  return context;
};
const canvasOf = (size) => Object.assign(document.createElement('canvas'), { width: size, height: size });
const dataImages = {
  png: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  webp: 'UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==',
  gif: 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7',
};

export const media = {
  canvas: async () => { const canvas = canvasOf(64); draw(canvas); return digest(canvas.toDataURL()); },
  offscreen_canvas: async () => {
    const canvas = new OffscreenCanvas(64, 64);
    draw(canvas);
    return (await canvas.convertToBlob()).type;
  },
  webgl: () => ['webgl', 'webgl2'].map((kind) => canvasOf(8).getContext(kind)?.getParameter(0x1f02) ?? 'absent'),
  webgpu: () => typeof navigator.gpu,
  web_audio: async () => {
    const context = new OfflineAudioContext(1, 1000, 44100);
    const tone = new OscillatorNode(context, { frequency: 440 });
    tone.connect(context.destination);
    tone.start();
    const [samples] = [(await context.startRendering()).getChannelData(0)];
    return samples.reduce((sum, one) => sum + Math.abs(one), 0).toFixed(1);
  },
  codecs: () => ['video/mp4; codecs="avc1.42E01E"', 'video/webm; codecs="vp9"', 'video/mp4; codecs="av01.0.05M.08"', 'audio/mpeg', 'audio/ogg; codecs="opus"']
    .map((type) => document.createElement('video').canPlayType(type)),
  media_source: () => typeof MediaSource,
  images: () => Promise.all(Object.entries(dataImages).map(async ([kind, data]) => {
    const image = new Image();
    image.src = `data:image/${kind};base64,${data}`;
    return image.decode().then(() => [kind, image.width], () => [kind, 'fails']);
  })),
  fonts: () => ['sans-serif', 'serif', 'monospace', 'system-ui'].map((family) => {
    const context = canvasOf(8).getContext('2d');
    context.font = `20px ${family}`;
    return Math.round(context.measureText('The quick brown fox').width);
  }),
  speech: () => [typeof speechSynthesis, typeof SpeechRecognition],
};
