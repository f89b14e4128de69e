const write = async () => {
  const folder = await navigator.storage.getDirectory();
  const file = await folder.getFileHandle('of-worker', { create: true });
  const access = await file.createSyncAccessHandle();
  access.write(new TextEncoder().encode('written'));
  access.flush();
  const size = access.getSize();
  access.close();
  return size;
};
write().then(postMessage, (error) => postMessage(`fails: ${error.name}`));
