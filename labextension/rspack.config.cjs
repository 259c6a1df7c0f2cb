// Named ids: the default ones are hashed from the checkout's absolute path, and natural ones depend on the order in which
// modules happened to be read. The build must give the same bytes in any folder.
module.exports = { optimization: { moduleIds: 'named', chunkIds: 'named' } };
