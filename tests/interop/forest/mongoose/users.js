require('forest-express-mongoose').collection('users', { actions: require('../actions.js') });
