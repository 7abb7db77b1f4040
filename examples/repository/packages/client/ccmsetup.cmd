rem stands for the package of the Configuration Manager client
