@echo off
rem Runs in Windows PE before anybody is asked for a task sequence.
set /p NAME=Name of this computer: 
echo %NAME%>X:\name.txt
