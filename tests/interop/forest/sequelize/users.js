require('forest-express-sequelize').collection('users', { actions: require('../actions.js') });
