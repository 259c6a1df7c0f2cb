// Natural ids: the default ids are hashed from the checkout's absolute path, and builds would differ from folder to folder.
module.exports = { optimization: { moduleIds: 'natural', chunkIds: 'natural' } };
